/**
 * A line chart that moves: series by name, a window of seconds that ends now, gaps where the feed was down.
 *
 * Rules of this file: it draws on one canvas and knows neither socket nor page; colours come from the style sheet, so a
 * change of theme is a change of the next frame; points may come late and in bursts, and are put where they belong.
 */

const PAD = { left: 8, right: 52, top: 12, bottom: 28 };
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50];
const MIN_SPAN = 4; // units of the value axis: a calm market is not blown up to a storm

export class Chart {
  #canvas; #colours; #seconds; #keep; #points = []; #gaps = [];

  /** `colours`: names of custom properties, one per series. `seconds`: width of the window. `keep`: points at most. */
  constructor(canvas, { colours, seconds, keep }) {
    [this.#canvas, this.#colours, this.#seconds, this.#keep] = [canvas, colours, seconds, keep];
  }

  get points() { return this.#points; }
  get gaps() { return this.#gaps; }

  /** `values`: numbers by series; `life`: whose point it is. Points of two lives are not joined. Repeats are dropped. */
  add({ time, values, life }) {
    const at = this.#points.findLastIndex((point) => point.time <= time);
    if (this.#points[at]?.time === time) return;
    this.#points.splice(at + 1, 0, { time, values, life });
    for (const gap of this.#gaps) if (time >= gap.from && time < gap.to) gap.to = time;
    if (this.#points.length > this.#keep) this.#points.shift();
  }

  /** The feed was down from here on, until the next point. */
  addGap(from, label) {
    if (this.#gaps.some((gap) => gap.from === from)) return;
    this.#gaps.push({ from, to: this.#points.find(({ time }) => time >= from)?.time ?? Infinity, label });
    if (this.#gaps.length > 100) this.#gaps.shift();
  }

  /** `now`: seconds, on the clock of the points. */
  draw(now) {
    const [width, height] = this.#fit();
    const context = this.#canvas.getContext('2d');
    context.clearRect(0, 0, width, height);
    const style = getComputedStyle(this.#canvas);
    const colour = (name) => style.getPropertyValue(name);
    const since = now - this.#seconds;
    const first = Math.max(0, this.#points.findIndex(({ time }) => time >= since) - 1);
    const shown = this.#points.slice(first);
    const [low, high] = this.#range(shown);
    const x = (time) => PAD.left + ((time - since) / this.#seconds) * (width - PAD.left - PAD.right);
    const y = (value) => PAD.top + ((high - value) / (high - low)) * (height - PAD.top - PAD.bottom);
    context.font = `12px ${style.fontFamily}`;
    this.#drawAxes(context, { x, y, low, high, now, width, height, colour });
    context.save();
    context.beginPath();
    context.rect(PAD.left, 0, width - PAD.left - PAD.right + 6, height - PAD.bottom + 2);
    context.clip();
    for (const gap of this.#gaps) if (gap.to > since) this.#drawGap(context, gap, { x, now, height, colour });
    for (const [name, property] of Object.entries(this.#colours)) this.#drawLine(context, shown, name, { x, y, colour: colour(property) });
    context.restore();
  }

  #fit() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const ratio = devicePixelRatio;
    if (this.#canvas.width !== Math.round(width * ratio) || this.#canvas.height !== Math.round(height * ratio)) {
      Object.assign(this.#canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    }
    this.#canvas.getContext('2d').setTransform(ratio, 0, 0, ratio, 0, 0);
    return [width, height];
  }

  #range(points) {
    const values = points.flatMap((point) => Object.values(point.values));
    if (!values.length) return [98, 102];
    const [min, max] = [Math.min(...values), Math.max(...values)];
    const [middle, half] = [(min + max) / 2, Math.max((max - min) * 0.56, MIN_SPAN / 2)];
    return [middle - half, middle + half];
  }

  #drawAxes(context, { x, y, low, high, now, width, height, colour }) {
    const step = STEPS.find((one) => (high - low) / one <= height / 56) ?? 100;
    context.strokeStyle = colour('--line');
    context.fillStyle = colour('--quiet');
    context.lineWidth = 1;
    context.textAlign = 'left';
    context.textBaseline = 'middle';
    for (let value = Math.ceil(low / step) * step; value <= high; value += step) {
      const line = Math.round(y(value)) + 0.5;
      context.beginPath();
      context.moveTo(PAD.left, line);
      context.lineTo(width - PAD.right, line);
      context.stroke();
      context.fillText(value.toFixed(step < 1 ? 1 : 0), width - PAD.right + 10, line);
    }
    context.textAlign = 'center';
    for (let ago = 0; ago <= this.#seconds; ago += width < 480 ? 30 : 15) {
      const place = Math.min(Math.max(x(now - ago), PAD.left + 18), width - PAD.right);
      context.fillText(ago ? `−${ago} s` : 'now', place, height - 10);
    }
  }

  #drawGap(context, { from, to, label }, { x, now, height, colour }) {
    const [left, right] = [Math.round(x(from)) + 0.5, x(Math.min(to, now))];
    context.fillStyle = colour('--bad-soft');
    context.fillRect(left, PAD.top, Math.max(2, right - left), height - PAD.top - PAD.bottom);
    context.strokeStyle = colour('--bad');
    context.setLineDash([3, 3]);
    context.beginPath();
    context.moveTo(left, PAD.top);
    context.lineTo(left, height - PAD.bottom);
    context.stroke();
    context.setLineDash([]);
    context.fillStyle = colour('--bad');
    context.textAlign = 'right';
    context.fillText(label, left - 6, PAD.top + 6);
  }

  #drawLine(context, points, name, { x, y, colour }) {
    Object.assign(context, { strokeStyle: colour, lineWidth: 2, lineJoin: 'round', lineCap: 'round' });
    context.beginPath();
    points.forEach(({ time, values, life }, index) => {
      const joined = index > 0 && points[index - 1].life === life;
      context[joined ? 'lineTo' : 'moveTo'](x(time), y(values[name]));
    });
    context.stroke();
    const last = points.at(-1);
    if (!last) return;
    context.fillStyle = colour;
    context.beginPath();
    context.arc(x(last.time), y(last.values[name]), 3.5, 0, 2 * Math.PI);
    context.fill();
  }
}
