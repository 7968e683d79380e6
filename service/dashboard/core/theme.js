// Light or dark: as the system is, unless the person chose; drawings ask for the colours as they are.

const KEY = "lightline-theme";
const CHOICES = ["system", "light", "dark"];
const listeners = new Set();
const known = new Map();

const chosen = () => localStorage.getItem(KEY) ?? "system";

function apply() {
  const theme = chosen();
  document.documentElement.style.colorScheme = theme === "system" ? "light dark" : theme;
  known.clear();
  listeners.forEach((redraw) => redraw());
}

/** Take the next of system, light and dark; returns it. */
export function nextTheme() {
  localStorage.setItem(KEY, CHOICES[(CHOICES.indexOf(chosen()) + 1) % CHOICES.length]);
  apply();
  return chosen();
}

/** A colour of the style sheet, as it is in light or dark. */
export function themeColour(name) {
  if (!known.has(name)) {
    const probe = document.createElement("i");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    known.set(name, getComputedStyle(probe).color);
    probe.remove();
  }
  return known.get(name);
}

/** Call `redraw` when colours change; returns what ends that. */
export function onThemeChange(redraw) {
  listeners.add(redraw);
  return () => listeners.delete(redraw);
}

window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
apply();
export { chosen as chosenTheme };
