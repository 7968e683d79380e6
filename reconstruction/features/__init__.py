"""What is measured in images and volumes."""
