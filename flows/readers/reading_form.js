// One image and the questions about it. Choice and time are taken here: keys answer at once, and
// what the network takes does not count.
const GRADES = [1, 2, 3, 4, 5];
const CHOICES = { r: "real", s: "synthetic" };

export default {
  template: `
    <form class="reading-form" @submit.prevent="send" autocomplete="off">
      <div class="pictures" tabindex="-1" v-html="pictures" :key="item" ref="pictures"></div>
      <p class="said" v-if="text">{{ text }}</p>
      <fieldset class="choices">
        <legend>Is this image real or synthetic?</legend>
        <label v-for="(name, key) in choices" :key="name">
          <input type="radio" name="answer" :value="name" v-model="answer">
          <span>{{ name }}</span> <kbd aria-hidden="true">{{ key.toUpperCase() }}</kbd>
        </label>
      </fieldset>
      <fieldset class="grades" aria-describedby="grade-ends">
        <legend>{{ question }}</legend>
        <label v-for="value in grades" :key="value">
          <input type="radio" name="grade" :value="value" v-model="grade">
          <span>{{ value }}</span>
        </label>
        <p id="grade-ends" class="hint">1 not at all · 5 fully</p>
      </fieldset>
      <label class="comment"><span>Comment, if any <kbd aria-hidden="true">C</kbd></span>
        <input type="text" v-model="comment" maxlength="2000" ref="comment">
      </label>
      <button type="submit" class="q-btn action" :disabled="sending">Next <kbd aria-hidden="true">Enter</kbd></button>
      <p class="told" role="status">{{ told }}</p>
    </form>`,
  props: { item: String, pictures: String, text: String, question: String },
  data: () => ({ answer: "", grade: 0, comment: "", told: "", sending: false, grades: GRADES, choices: CHOICES }),
  mounted() {
    window.addEventListener("keydown", this.key);
    this.begin();
  },
  unmounted() {
    window.removeEventListener("keydown", this.key);
  },
  watch: {
    item() {
      this.begin();
    },
    answer(value) {
      if (value) this.chosen = performance.now();
      this.told = "";
    },
    grade() {
      this.told = "";
    },
  },
  methods: {
    async begin() {
      [this.answer, this.grade, this.comment, this.told, this.sending] = ["", 0, "", "", false];
      if (!this.item) return; // nobody reads yet, or all is answered
      await this.$nextTick();
      await Promise.all([...this.$refs.pictures.querySelectorAll("img")].map((each) => each.decode()));
      this.shown = performance.now();
      this.$refs.pictures.focus(); // before the choices, none of which is nearer than another
      window.scrollTo(0, 0);
      this.$el.dataset.shown = this.item;
    },
    key(event) {
      if (!this.item || event.ctrlKey || event.metaKey || event.altKey) return;
      const typing = event.target === this.$refs.comment;
      if (event.key === "Escape" && typing) event.target.blur();
      if (typing) return; // Enter sends the form by itself
      const key = event.key.toLowerCase();
      if (key in CHOICES) this.answer = CHOICES[key];
      else if (GRADES.includes(Number(key))) this.grade = Number(key);
      else if (key === "c") this.$refs.comment.focus();
      else if (key === "enter" && event.target.tagName !== "BUTTON") this.send();
      else return;
      event.preventDefault();
    },
    send() {
      if (this.sending) return;
      if (!this.answer || !this.grade) {
        this.told = this.answer ? "Give a grade first: 1 to 5." : "Say first: real (R) or synthetic (S).";
        return;
      }
      this.sending = true; // until the next image is here
      const { item, answer, grade, comment } = this;
      this.$emit("answer", { item, answer, grade, comment, seconds: (this.chosen - this.shown) / 1000 });
    },
  },
};
