// How a volume stands before the eye: right is the flow, up the scan, and towards the eye the pinholes, before it is turned.

/** Rows of the rotation from the volume's axes (x, y, z) to the eye's (right, up, towards it). */
export function turned(yaw, pitch) {
  const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
  // Columns of (right, up, towards) are taken in the order of the axes that point there: y, z, x.
  const right = [sy, cy, 0];
  const up = [-sp * cy, sp * sy, cp];
  const towards = [cp * cy, -cp * sy, sp];
  return [right, up, towards];
}

const NAMES = { x: "x", y: "flow y", z: "scan z" };

/** Edges of the box of a volume `(z, y, x)` as the eye sees them, between -1 and 1; one of each axis has its name. */
export function edgesOf(shape, turn, reach) {
  const most = Math.max(...shape);
  const [z, y, x] = shape.map((size) => size / most / 2);
  const half = { x, y, z };
  const seen = (corner) => [0, 1].map((k) => (turn[k][0] * corner.x + turn[k][1] * corner.y + turn[k][2] * corner.z) / reach);
  const edges = [];
  for (const axis of ["x", "y", "z"]) {
    const [b, c] = ["x", "y", "z"].filter((other) => other !== axis);
    for (const [i, j] of [[-1, -1], [-1, 1], [1, -1], [1, 1]]) {
      const at = (end) => ({ [axis]: end * half[axis], [b]: i * half[b], [c]: j * half[c] });
      edges.push({ axis, from: seen(at(-1)), to: seen(at(1)) });
    }
  }
  // The name stands at the lowest edge of each axis, beside the picture of the cell.
  for (const axis of ["x", "y", "z"]) {
    const low = ({ from, to }) => (axis === "z" ? from[0] + to[0] : from[1] + to[1]);
    const own = edges.filter((edge) => edge.axis === axis).sort((a, b) => low(a) - low(b));
    own[0].name = NAMES[axis];
  }
  return edges;
}
