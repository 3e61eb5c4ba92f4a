/** Something like radiographs, drawn from shapes: gray by how much a ray would meet (no patient's image). */

import { makeCanvas } from "./pixels.js";

const WIDTH = 640;
const HEIGHT = 512;

/** Return a canvas: a chest, with a hazy opacity where one is wanted. */
export function drawChest({ opacity, seed }) {
  return paint(seed, (x, y) => {
    const side = Math.abs(x);
    const isRight = x > 0;
    const shoulders = smooth(y + 0.9 - 0.4 * Math.max(0, side - 0.1), 0.06);
    const trunk = shoulders * smooth(0.86 - 0.1 * (y - 0.1) ** 2 - side, 0.03);
    const bone = capsule(side, y, 0.76, -0.74, 1.1, -1.2, 0.05);
    const arms = 0.75 * capsule(side, y, 0.66, -0.66, 1.1, -1.2, 0.26) + 0.25 * bone;
    const neck = 0.6 * smooth(0.24 - side, 0.08) * smooth(-0.6 - y, 0.2);
    const floor = 0.57 + 0.07 * smooth(x, 0.1) + 0.9 * (side - 0.36) ** 2 - y;
    const wall = 0.2 + 0.5 * Math.max(0, Math.min(1, (y + 0.74) / 1.15)) ** 0.5;
    const apex = smooth(y + 0.74 - 2 * (side - 0.27) ** 2, 0.03);
    const lung = apex * smooth(floor, 0.02) * smooth(wall - side, 0.02) * smooth(side - 0.12, 0.03);
    const depth = 0.75 + 0.25 * Math.min(1, 3.2 * (wall - side)) * Math.min(1, 5 * Math.max(0, floor) + 0.5);
    const swell = Math.sin((Math.PI / 2) * Math.max(0, Math.min(1, (y + 0.3) / 0.8)));
    const heart = smooth(isRight ? 0.13 + 0.33 * swell ** 1.6 - x : 0.11 + 0.07 * swell ** 2 - side, 0.025);
    const air = lung * depth * (1 - 0.8 * heart);
    let matter = Math.max(trunk * (0.8 + 0.24 * smooth(-floor, 0.03)), arms, neck) - 0.55 * air;
    matter += 0.1 * heart * lung + 0.26 * spine(side, y);
    matter += 0.2 * clavicle(side, y);
    for (let rib = 0; rib < 9; rib++) matter += ribs(side, y, rib, wall);
    matter += vessels(side, y) * lung;
    if (opacity) {
      matter += 0.76 * haze(x + 0.42, y - 0.34, 0.2, 0.22) * lung;
      matter += 0.56 * haze(x + 0.3, y + 0.02, 0.18, 0.22) * lung;
      matter += 0.66 * haze(x - 0.52, y - 0.2, 0.14, 0.24) * lung;
    }
    return matter;
  });
}

/** Return a canvas: bones of a hand. */
export function drawHand({ seed }) {
  // Root, tip, and how many bones.
  const rays = [
    [-0.2, 0.42, -0.62, -0.02, 3], [-0.15, 0.38, -0.3, -0.5, 4], [-0.03, 0.36, -0.05, -0.62, 4],
    [0.09, 0.38, 0.18, -0.54, 4], [0.19, 0.42, 0.4, -0.34, 4],
  ];
  const bones = [[-0.08, 0.72, -0.07, 1.3, 0.07], [0.1, 0.74, 0.09, 1.3, 0.048]];
  for (let carpal = 0; carpal < 7; carpal++) {
    const [x, y] = [-0.14 + 0.1 * (carpal % 4) + 0.05 * (carpal > 3), 0.5 + 0.09 * (carpal > 3)];
    bones.push([x - 0.01, y, x + 0.01, y, 0.045]);
  }
  for (const [x0, y0, x1, y1, count] of rays) {
    for (let bone = 0; bone < count; bone++) {
      const [from, to] = [(bone / count) ** 0.7 + 0.05, ((bone + 1) / count) ** 0.7 - 0.05];
      const ends = [from, to].flatMap((share) => [x0 + share * (x1 - x0), y0 + share * (y1 - y0)]);
      bones.push([...ends, 0.036 - 0.004 * bone]);
    }
  }
  const most = (shapes) => Math.max(...shapes);
  return paint(seed, (x, y) => {
    const palm = [capsule(x, y, -0.05, 0.28, 0.05, 0.3, 0.3), capsule(x, y, 0, 0.5, 0, 1.2, 0.2)];
    const flesh = most([...palm, ...rays.map(([x0, y0, x1, y1]) => capsule(x, y, x0, y0, x1 * 1.02, y1 * 1.06, 0.085))]);
    return 0.04 + 0.34 * flesh + 0.5 * most(bones.map((bone) => capsule(x, y, ...bone)));
  });
}

function paint(seed, matterAt) {
  // Shapes at half the size, which nobody sees; grain at the whole.
  const [small, context] = [2, 1].map((part) => makeCanvas(WIDTH / part, HEIGHT / part).getContext("2d"));
  const random = noise(seed);
  change(small, WIDTH / 2, HEIGHT / 2, (_, x, y) => 12 + 236 * (1 - Math.exp(-1.3 * Math.max(0, matterAt(x, y)))));
  context.drawImage(small.canvas, 0, 0, WIDTH, HEIGHT);
  change(context, WIDTH, HEIGHT, (gray) => gray + 3 * (random() + random() + random() - 1.5));
  // Whoever saves or sends it on should see what it is.
  context.fillStyle = "#d0d0d0";
  context.font = "600 15px sans-serif";
  context.fillText("DRAWING", 14, HEIGHT - 16);
  return context.canvas;
}

function change(context, width, height, grayAt) {
  const image = context.getImageData(0, 0, width, height);
  const { data } = image;
  for (let place = 0; place < data.length; place += 4) {
    const [x, y] = [(place / 4) % width, Math.floor(place / 4 / width)];
    data.fill(grayAt(data[place], (2 * x) / width - 1, (2 * y) / height - 1), place, place + 3);
    data[place + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

const smooth = (distance, soft) => 1 / (1 + Math.exp((-4 * distance) / soft));
const band = (x, width) => Math.exp(-((x / width) ** 4));

const haze = (x, y, width, height) => Math.exp(-((x / width) ** 2 + (y / height) ** 2));

const spine = (side, y) => smooth(0.085 - side, 0.02) * (0.6 + 0.4 * Math.abs(Math.sin(11 * y)) ** 0.6);

/** A rib: its front part is faint. */
function ribs(side, y, rib, wall) {
  const top = -0.76 + 0.145 * rib;
  const fade = smooth(wall + 0.045 - side, 0.02) * smooth(side - 0.08, 0.02);
  const back = top - 0.05 * Math.sin(4.5 * side) + 0.42 * Math.max(0, side - 0.2) ** 1.7;
  const front = top + 0.42 - 0.5 * (side - 0.3);
  const edge = 0.17 * Math.exp(-(((side - wall - 0.02) / 0.025) ** 2)) * band(y - top - 0.2, 0.05);
  return fade * (0.1 * outline(y - back, 0.03) + 0.05 * band(y - front, 0.032) * smooth(side - 0.34, 0.08)) + edge;
}

/** A band with denser borders. */
const outline = (distance, width) => band(distance, width) * (0.62 + 0.5 * (distance / width) ** 2);

function clavicle(side, y) {
  const middle = -0.6 - 0.2 * (side - 0.08) - 0.04 * Math.sin(7 * side);
  return outline(y - middle, 0.034) * smooth(side - 0.09, 0.03) * smooth(0.68 - side, 0.06);
}

function vessels(side, y) {
  const [across, down] = [side - 0.15, y + 0.02];
  const distance = Math.hypot(across, down);
  const branches = Math.max(0, Math.cos(9 * Math.atan2(down, across) + 4 * distance)) ** 8;
  return 0.08 * branches * Math.exp(-3.2 * distance) + 0.16 * haze(across, down, 0.08, 0.13);
}

/** A rod with round ends, thick in the middle. */
function capsule(x, y, x0, y0, x1, y1, radius) {
  const [across, down] = [x1 - x0, y1 - y0];
  const share = Math.min(1, Math.max(0, ((x - x0) * across + (y - y0) * down) / (across ** 2 + down ** 2)));
  const distance = Math.hypot(x - x0 - share * across, y - y0 - share * down);
  return Math.max(0, 1 - (distance / radius) ** 2) ** 0.5;
}

/** Random numbers, 0 to 1, the same for the same seed (Numerical Recipes' generator). */
function noise(seed) {
  let state = seed;
  return () => (state = (1664525 * state + 1013904223) % 2 ** 32) / 2 ** 32;
}
