"""From events to images: `transform` picks the one for the instrument and gives `images`, judged and measured."""
