// A canvas of class indices: one byte a pixel, drawn with a round brush by pointer or keyboard.
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KEPT = 40; // strokes that can be undone

export default {
  template: `
    <div class="mask-canvas">
      <canvas ref="canvas" tabindex="0" role="application" :aria-label="label"
        :aria-describedby="keys" :style="picture" @pointerdown="press" @pointermove="drag" @pointerup="lift"
        @pointercancel="lift" @pointerleave="hover = false" @keydown="key"
        @focus="focused = true" @blur="focused = false"></canvas>
      <span class="brush" v-show="hover || focused" :style="ring"></span>
      <span class="sr-only" role="status">{{ told }}</span>
    </div>`,
  props: { side: Number, colours: Array, names: Array, tool: Number, radius: Number, start: String,
    label: String, keys: String, under: String },
  data: () => ({ at: [0, 0], hover: false, focused: false, down: false, pen: false, told: "" }),
  mounted() {
    this.past = [];
    this.load(this.start);
    this.centre();
  },
  watch: {
    under: "draw",
    side: "centre", // of another model's pairs
    start(content) {
      this.past = []; // of masks whose classes may have been others
      this.load(content);
    },
  },
  computed: {
    picture() {
      return this.under ? { background: `url(${this.under}) 0 0 / 100% 100%` } : {};
    },
    ring() {
      const share = (value) => `${(100 * value) / this.side}%`;
      return {
        left: share(this.at[0] + 0.5), top: share(this.at[1] + 0.5), width: share(2 * this.radius - 1),
        borderStyle: this.tool ? "solid" : "dashed",
      };
    },
  },
  methods: {
    centre() {
      this.at = [this.side >> 1, this.side >> 1];
    },
    load(content) {
      const [, pixels] = content.split(" "); // before it stands how often one was handed over
      this.mask = Uint8Array.from(atob(pixels), (letter) => letter.charCodeAt(0));
      this.draw();
    },
    remember() {
      this.past = [...this.past, this.mask.slice()].slice(-KEPT);
    },
    undo() {
      if (this.past.length) {
        this.mask = this.past.pop();
        this.finish();
      }
    },
    clear() {
      this.remember();
      this.mask = new Uint8Array(this.side * this.side);
      this.finish();
    },
    draw() {
      const canvas = this.$refs.canvas, context = canvas.getContext("2d");
      canvas.width = canvas.height = this.side;
      const picture = context.createImageData(this.side, this.side);
      this.mask.forEach((index, place) => {
        const colour = index ? this.colours[index - 1] : [16, 18, 20];
        const opaque = this.under ? (index ? 150 : 0) : 255; // a picture below stays to be seen
        picture.data.set([...colour, opaque], 4 * place);
      });
      context.putImageData(picture, 0, 0);
    },
    stamp(column, row) {
      const reach = this.radius - 0.5, side = this.side;
      for (let y = Math.max(0, Math.ceil(row - reach)); y <= Math.min(side - 1, row + reach); y++)
        for (let x = Math.max(0, Math.ceil(column - reach)); x <= Math.min(side - 1, column + reach); x++)
          if ((x - column) ** 2 + (y - row) ** 2 <= reach ** 2) this.mask[y * side + x] = this.tool;
    },
    line(from, to) {
      const count = Math.max(1, Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]));
      for (let k = 0; k <= count; k++)
        this.stamp(...from.map((value, axis) => Math.round(value + ((to[axis] - value) * k) / count)));
      this.draw();
    },
    place(event) {
      const box = this.$refs.canvas.getBoundingClientRect();
      const cell = (offset, length) => Math.floor((offset / length) * this.side);
      return [cell(event.clientX - box.left, box.width), cell(event.clientY - box.top, box.height)];
    },
    press(event) {
      this.$refs.canvas.setPointerCapture(event.pointerId);
      this.remember();
      this.down = true;
      this.at = this.place(event);
      this.line(this.at, this.at);
    },
    drag(event) {
      const before = this.at;
      this.hover = true;
      this.at = this.place(event);
      if (this.down) this.line(before, this.at);
    },
    lift() {
      if (this.down) this.finish();
      this.down = false;
    },
    key(event) {
      if (event.key in STEPS) this.step(STEPS[event.key], event.shiftKey ? 8 : 1);
      else if (event.key === " ") this.dot();
      else if (event.key === "Enter") this.toggle();
      else if (event.key === "z" && (event.ctrlKey || event.metaKey)) this.undo();
      else return;
      event.preventDefault();
    },
    step([right, down], length) {
      const before = this.at, inside = (value) => Math.min(this.side - 1, Math.max(0, value));
      this.at = [inside(before[0] + right * length), inside(before[1] + down * length)];
      if (this.pen) {
        this.line(before, this.at);
        this.finish();
      }
      this.told = `column ${this.at[0]}, row ${this.at[1]}`;
    },
    dot() {
      this.remember();
      this.line(this.at, this.at);
      this.finish();
      this.told = `painted ${this.names[this.tool]}`;
    },
    toggle() {
      this.pen = !this.pen;
      if (this.pen) this.remember();
      this.told = this.pen ? "pen down: arrows draw" : "pen up";
    },
    finish() {
      this.draw();
      this.$emit("mask", btoa(String.fromCharCode(...this.mask)));
    },
  },
};
