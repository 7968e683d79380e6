// Numbers, units and names as people write them.

// Longest first, because `um2` must not be read as `um`.
const UNITS = [
  ["_rad_per_um", "rad/µm"], ["_per_um", "1/µm"], ["_pg", "pg"], ["_m_s", "m/s"], ["_um3", "µm³"], ["_um2", "µm²"], ["_um", "µm"], ["_nm", "nm"], ["_ticks", "ticks"],
  ["_tick", "ticks"], ["_counts", "counts"], ["_hz", "Hz"], ["_ms", "ms"], ["_us", "µs"], ["_deg", "°"], ["_rad", "rad"], ["_s", "s"],
];

/** Names of dclab whose words say something else than they measure here. */
const OTHERWISE = { area_um: ["convex area", "µm²"], area_um_raw: ["area of the outline", "µm²"], per_um_raw: ["length of the outline", "µm"] };

/** Split a column's name into words and a unit: `area_um2` is "area" in µm². */
export function nameAndUnit(column) {
  if (column in OTHERWISE) return { name: OTHERWISE[column][0], unit: OTHERWISE[column][1] };
  for (const [suffix, unit] of UNITS) {
    if (column.endsWith(suffix) && column.length > suffix.length) {
      return { name: column.slice(0, -suffix.length).replaceAll("_", " "), unit };
    }
  }
  return { name: column.replaceAll("_", " "), unit: "" };
}

/** A number with four significant digits; a dash where there is none. */
export function number(value) {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return count(value);
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

export const count = (value) => value.toLocaleString("en-US").replaceAll(",", "\u202f");
/** An amount of memory or disk. */
export function amountOfBytes(value) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = value > 0 ? Math.min(units.length - 1, Math.floor(Math.log10(value) / 3)) : 0;
  return `${(value / 1000 ** power).toFixed(power && value / 1000 ** power < 100 ? 1 : 0)} ${units[power]}`;
}
export const percent = (value) => `${(100 * value).toFixed(1)} %`;
export const words = (name) => name.replaceAll("_", " ");

/** Local time of an ISO 8601 label. */
export function clockTime(iso) {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? iso : time.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
}

/** What people call a run, and when it began. */
export const runTitle = ({ started_at, request }) => `${clockTime(started_at)} · ${request.name || request.source}`;
