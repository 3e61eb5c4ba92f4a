/** Pointer and keys on the film: which tool a drag is for. */

/** Let pointer, wheel and arrow keys on the stage, which holds the canvas, move a viewer, or a box to cover with. */
export function listen(stage, viewer, { tool, box }) {
  const pointers = new Map();
  let pinch = null;

  const place = (event) => {
    const { left, top } = stage.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  const spread = () => {
    const [one, other] = [...pointers.values()];
    return { size: Math.hypot(one.x - other.x, one.y - other.y), x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 };
  };
  const panning = (event) => tool() === "pan" || event.shiftKey || (event.buttons & 4) !== 0;

  stage.addEventListener("pointerdown", (event) => {
    if (viewer.pixels === null || event.button > 1) return;
    event.preventDefault();
    stage.focus({ preventScroll: true });
    stage.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    pinch = pointers.size === 2 ? spread() : null;
    if (pointers.size === 1 && tool() === "cover" && !panning(event)) box.begin(viewer.onFilm(place(event)));
  });

  stage.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (before === undefined) return;
    const now = place(event);
    pointers.set(event.pointerId, now);
    if (pinch !== null) {
      const next = spread();
      viewer.pan(next.x - pinch.x, next.y - pinch.y);
      viewer.zoomBy(Math.log(next.size / pinch.size) / Math.log(1.25), next);
      pinch = next;
    } else if (panning(event)) viewer.pan(now.x - before.x, now.y - before.y);
    else if (tool() === "cover") box.move(viewer.onFilm(now));
    // As at a viewing station: to the right wider, downwards darker.
    else viewer.changeWindow(now.x - before.x, (now.y - before.y) / 2);
  });

  const lift = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    pinch = null;
    if (tool() === "cover") box.end(event.type === "pointerup");
  };
  stage.addEventListener("pointerup", lift);
  stage.addEventListener("pointercancel", lift);

  const wheel = (event) => {
    if (viewer.pixels === null) return;
    event.preventDefault();
    viewer.zoomBy(-Math.sign(event.deltaY), place(event));
  };
  stage.addEventListener("wheel", wheel, { passive: false });

  stage.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || viewer.pixels === null) return;
    if (tool() === "cover" && box.key(event)) return event.preventDefault();
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    if (event.shiftKey) viewer.changeWindow(8 * step[0], 4 * step[1]);
    else viewer.pan(40 * step[0], 40 * step[1]);
  });
}
