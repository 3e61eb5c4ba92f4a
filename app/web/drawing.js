/** Something like radiographs, drawn from shapes: gray by how much a ray would meet (no patient's image). */

const WIDTH = 560;
const HEIGHT = 512;

/** Return a canvas: a chest, with a hazy opacity where one is wanted. */
export function drawChest({ opacity, seed }) {
  return paint(seed, (x, y) => {
    let matter = 0.95 * dome(x, y + 0.08, 0.94, 1.35, 0.6) + 0.2 * dome(x, y + 0.9, 0.3, 0.55, 0.6);
    let air = 0;
    for (const side of [-1, 1]) {
      // The heart narrows the lung on the picture's right.
      const [centre, width] = side < 0 ? [-0.41, 0.29] : [0.43, 0.27];
      const height = 0.69 - 0.1 * Math.max(0, side * (x - centre)) ** 2;
      const lung = dome(x - centre - 0.1 * side * (y + 0.1), y + 0.02, width * (1 + 0.18 * y), height, 0.55);
      const floor = smooth(0.62 - 0.3 * (x - centre * 1.1) ** 2 * 4 - y - (side < 0 ? 0.05 : 0), 0.05);
      air = Math.max(air, lung * floor);
      matter += 0.13 * clavicle(x * side, y);
    }
    matter -= 0.64 * air;
    matter += 0.2 * band(x, 0.075) * (0.75 + 0.25 * Math.cos(26 * y)) * smooth(y + 1.05, 0.2);
    matter += 0.5 * dome(x - 0.13, y - 0.3, 0.33, 0.36, 0.7) + 0.22 * dome(x - 0.03, y + 0.1, 0.15, 0.5, 0.7);
    for (let rib = 0; rib < 9; rib++) matter += ribs(x, y, rib) * (0.35 + 0.65 * air);
    matter += vessels(x, y) * air;
    if (opacity) {
      matter += 0.5 * Math.exp(-(((x + 0.42) / 0.2) ** 2 + ((y - 0.3) / 0.22) ** 2)) * (0.4 + 0.6 * air);
      matter += 0.3 * Math.exp(-(((x + 0.3) / 0.16) ** 2 + ((y + 0.05) / 0.2) ** 2)) * air;
      matter += 0.34 * Math.exp(-(((x - 0.5) / 0.13) ** 2 + ((y - 0.25) / 0.2) ** 2)) * air;
    }
    return matter;
  });
}

/** Return a canvas: bones of a hand. */
export function drawHand({ seed }) {
  const fingers = [[-0.62, -0.02, 0.2], [-0.3, -0.5, 0.075], [-0.05, -0.62, 0.065], [0.18, -0.54, 0.065], [0.4, -0.34, 0.06]];
  const roots = [[-0.2, 0.42], [-0.15, 0.38], [-0.03, 0.36], [0.09, 0.38], [0.19, 0.42]];
  return paint(seed, (x, y) => {
    let flesh = 0.5 * dome(x, y - 0.3, 0.34, 0.36, 0.5);
    let bone = 0;
    flesh = Math.max(flesh, 0.5 * capsule(x, y, 0, 0.5, 0, 1.2, 0.2));
    fingers.forEach(([tipX, tipY], index) => {
      const [rootX, rootY] = roots[index];
      const along = (share) => [rootX + share * (tipX - rootX), rootY + share * (tipY - rootY)];
      flesh = Math.max(flesh, 0.42 * capsule(x, y, rootX, rootY, tipX * 1.02, tipY * 1.06, 0.085));
      const joints = index === 0 ? [0.05, 0.45, 0.75, 1] : [0, 0.4, 0.68, 0.86, 1];
      for (let joint = 0; joint + 1 < joints.length; joint++) {
        const [from, to] = [along(joints[joint] + 0.02), along(joints[joint + 1] - 0.02)];
        bone = Math.max(bone, shaft(x, y, from, to, 0.036 - 0.005 * joint));
      }
    });
    for (let carpal = 0; carpal < 7; carpal++) {
      const [centreX, centreY] = [-0.13 + 0.1 * (carpal % 4) + 0.04 * (carpal > 3), 0.5 + 0.09 * (carpal > 3)];
      bone = Math.max(bone, dome(x - centreX, y - centreY, 0.052, 0.046, 0.3));
    }
    bone = Math.max(bone, shaft(x, y, [-0.08, 0.7], [-0.07, 1.3], 0.075), shaft(x, y, [0.1, 0.72], [0.09, 1.3], 0.05));
    return 0.04 + flesh * 0.75 + bone * 0.5;
  });
}

function paint(seed, matterAt) {
  const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
  const context = canvas.getContext("2d");
  const image = context.createImageData(WIDTH, HEIGHT);
  const random = mulberry(seed);
  for (let row = 0; row < HEIGHT; row++) {
    for (let column = 0; column < WIDTH; column++) {
      const matter = matterAt((2 * column) / WIDTH - 1, (2 * row) / HEIGHT - 1);
      const grain = 7 * (random() + random() + random() - 1.5);
      const gray = 12 + 205 * (1 - Math.exp(-1.5 * Math.max(0, matter))) * 1.15 + grain;
      image.data.set([gray, gray, gray, 255], 4 * (row * WIDTH + column));
    }
  }
  context.putImageData(image, 0, 0);
  // Whoever saves or sends it on should see what it is.
  context.fillStyle = "#d0d0d0";
  context.font = "600 15px sans-serif";
  context.fillText("DRAWING", 14, HEIGHT - 16);
  return canvas;
}

const smooth = (distance, soft) => 1 / (1 + Math.exp((-4 * distance) / soft));
const band = (x, width) => Math.exp(-((x / width) ** 4));

/** An ellipse of matter, thick in the middle: `power` 0.5 is a ball's, smaller is flatter. */
function dome(x, y, width, height, power) {
  return Math.max(0, 1 - (x / width) ** 2 - (y / height) ** 2) ** power;
}

function ribs(x, y, rib) {
  const side = Math.abs(x);
  const top = -0.72 + 0.155 * rib;
  const reach = 0.42 + 0.3 * Math.sin((Math.PI * (rib + 2)) / 13);
  if (side > reach + 0.12 || side < 0.06) return 0;
  const back = top + 0.16 * side + 0.5 * Math.max(0, side - 0.3) ** 2;
  const front = top + 0.34 + 0.25 * (reach - side);
  const fade = smooth(reach - side, 0.06);
  return fade * (0.15 * band(y - back, 0.026) + 0.05 * band(y - front, 0.028) * smooth(side - 0.26, 0.1));
}

function clavicle(x, y) {
  const middle = -0.66 - 0.16 * (x - 0.1) + 0.05 * Math.sin(6 * x);
  return band(y - middle, 0.03) * smooth(x - 0.09, 0.03) * smooth(0.7 - x, 0.1);
}

function vessels(x, y) {
  let matter = 0;
  for (const side of [-1, 1]) {
    const [across, down] = [x * side - 0.16, y - 0.02];
    const distance = Math.hypot(across, down);
    const branches = Math.max(0, Math.cos(9 * Math.atan2(down, across) + 3 * distance)) ** 12;
    if (across > 0) matter += 0.16 * branches * Math.exp(-2.6 * distance) + 0.22 * Math.exp(-((distance / 0.11) ** 2));
  }
  return matter;
}

function capsule(x, y, x0, y0, x1, y1, radius) {
  const share = Math.min(1, Math.max(0, ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2)));
  const distance = Math.hypot(x - x0 - share * (x1 - x0), y - y0 - share * (y1 - y0));
  return Math.max(0, 1 - (distance / radius) ** 2) ** 0.5;
}

/** A long bone: wider at its ends, its middle less dense. */
function shaft(x, y, [x0, y0], [x1, y1], radius) {
  const length = Math.hypot(x1 - x0, y1 - y0);
  const share = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length ** 2;
  const wide = radius * (0.72 + 0.6 * Math.abs(2 * Math.min(1, Math.max(0, share)) - 1) ** 3);
  const solid = capsule(x, y, x0, y0, x1, y1, wide);
  return solid - 0.35 * capsule(x, y, x0, y0, x1, y1, wide * 0.5) * (1 - Math.abs(2 * share - 1));
}

/** Random numbers, 0 to 1, the same for the same seed (mulberry32). */
function mulberry(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
