// Rays through a volume on the graphics card: WebGL 2, one 3D texture, one triangle.

const VERTEX = `#version 300 es
out vec2 place;
void main() {
  vec2 corner = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
  place = corner;
  gl_Position = vec4(corner, 0.0, 1.0);
}`;

// A ray enters and leaves the box by the slabs of its three axes (Kay and Kajiya 1986).
const FRAGMENT = `#version 300 es
precision highp float;
precision highp sampler3D;
uniform sampler3D volume;
uniform mat3 turn;
uniform vec3 size;
uniform float reach;
uniform float least;
uniform float steps;
uniform bool translucent;
in vec2 place;
out vec4 colour;
void main() {
  vec3 from = turn * vec3(place * reach, 2.0);
  vec3 along = turn * vec3(0.0, 0.0, -1.0);
  vec3 a = (-0.5 * size - from) / along;
  vec3 b = (0.5 * size - from) / along;
  vec3 first = min(a, b);
  vec3 last = max(a, b);
  float enter = max(max(first.x, first.y), first.z);
  float leave = min(min(last.x, last.y), last.z);
  if (enter >= leave) { colour = vec4(0.0, 0.0, 0.0, 1.0); return; }
  float stride = 1.8 / steps;
  float most = 0.0;
  float light = 0.0;
  float through = 1.0;
  for (float at = enter + 0.5 * stride; at < leave; at += stride) {
    float value = texture(volume, (from + at * along) / size + 0.5).r;
    float shown = clamp((value - least) / (1.0 - least), 0.0, 1.0);
    most = max(most, shown);
    float dense = 1.0 - exp(-14.0 * shown * stride);
    light += through * dense * (0.25 + 0.75 * shown);
    through *= 1.0 - dense;
    if (translucent && through < 0.02) break;
  }
  float bright = translucent ? light : most;
  colour = vec4(vec3(pow(bright, 0.8)), 1.0);
}`;

function compiled(gl, type, source) {
  const shader = gl.createShader(type);
  gl.shaderSource(shader, source);
  gl.compileShader(shader);
  return shader;
}

export class VolumeRays {
  /** Throws where the browser has no WebGL 2. */
  constructor(canvas) {
    this.canvas = canvas;
    const gl = canvas.getContext("webgl2", { antialias: false, preserveDrawingBuffer: true });
    if (!gl) throw new Error("This browser draws no volumes: WebGL 2 is switched off. The slices beside show the same values.");
    const program = gl.createProgram();
    gl.attachShader(program, compiled(gl, gl.VERTEX_SHADER, VERTEX));
    gl.attachShader(program, compiled(gl, gl.FRAGMENT_SHADER, FRAGMENT));
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(`The graphics card refused to draw volumes: ${gl.getProgramInfoLog(program)}`);
    gl.useProgram(program);
    const place = (name) => gl.getUniformLocation(program, name);
    Object.assign(this, { gl, places: Object.fromEntries(["turn", "size", "reach", "least", "steps", "translucent"].map((name) => [name, place(name)])) });
  }

  /** Take a volume `(z, y, x)`; values are shown between 0 and the largest. */
  load({ data, shape }) {
    const { gl } = this;
    const most = data.reduce((a, b) => Math.max(a, b), 1e-9);
    const bytes = Uint8Array.from(data, (value) => Math.max(0, (255 * value) / most));
    gl.bindTexture(gl.TEXTURE_3D, (this.texture ??= gl.createTexture()));
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texImage3D(gl.TEXTURE_3D, 0, gl.R8, shape[2], shape[1], shape[0], 0, gl.RED, gl.UNSIGNED_BYTE, bytes);
    for (const name of ["TEXTURE_MIN_FILTER", "TEXTURE_MAG_FILTER"]) gl.texParameteri(gl.TEXTURE_3D, gl[name], gl.LINEAR);
    for (const name of ["TEXTURE_WRAP_S", "TEXTURE_WRAP_T", "TEXTURE_WRAP_R"]) gl.texParameteri(gl.TEXTURE_3D, gl[name], gl.CLAMP_TO_EDGE);
    this.shape = shape;
  }

  /** Draw with the rows of a rotation from the volume to the eye, seeing `reach` to every side of its middle. */
  draw({ turn, reach, least, translucent }) {
    const { gl, places, shape, canvas } = this;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const edge = Math.max(1, Math.round(canvas.clientWidth * ratio));
    if (canvas.width !== edge) canvas.width = canvas.height = edge;
    const most = Math.max(...shape);
    gl.viewport(0, 0, edge, edge);
    // Rows to the eye are, read as columns, the way back to the volume.
    gl.uniformMatrix3fv(places.turn, false, turn.flat());
    gl.uniform3f(places.size, shape[2] / most, shape[1] / most, shape[0] / most);
    gl.uniform1f(places.reach, reach);
    gl.uniform1f(places.least, least);
    gl.uniform1f(places.steps, 1.8 * most);
    gl.uniform1i(places.translucent, translucent ? 1 : 0);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  /** Give the graphics card's memory back. */
  close() {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}
