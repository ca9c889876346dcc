"use strict";
// Before and after, and what was saved.

/** The original is loaded from the shop's server when a person asks to compare, and not before. */
function compare(image) {
  const before = element("img", { alt: "Original", src: image.input_url, referrerPolicy: "no-referrer" });
  const after = element("img", { alt: "Compressed", src: image.output_url });
  before.onerror = () => { $("compare-said").textContent = "The original cannot be loaded from its server: only the compressed picture is shown."; };
  $("compare-said").textContent = `${size(image.input_bytes)} → ${size(image.output_bytes)}, ${image.width} × ${image.height}, ${image.format}`;
  $("stage").replaceChildren(element("div", { className: "under" }, after), element("div", { className: "over" }, before));
  $("stage").style.setProperty("--ratio", `${image.width} / ${image.height}`);
  $("stage").style.setProperty("--width", `${image.width}px`);
  $("stage").classList.remove("actual");
  $("actual").ariaPressed = "false";
  $("slider").value = 50;
  divide();
  $("compare").showModal();
}

const divide = () => $("stage").style.setProperty("--cut", `${$("slider").value}%`);
$("slider").oninput = divide;
$("actual").onclick = () => {
  $("actual").ariaPressed = String($("stage").classList.toggle("actual"));
};
$("close-compare").onclick = () => $("compare").close();

function svg(tag, attributes, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

/** Bars of bytes before and after, a format each; and of failures, an error each. */
function drawSavings() {
  const formats = new Map();
  for (const { images } of state.products) {
    for (const image of images.filter((one) => one.output_bytes)) {
      const sum = formats.get(image.format) || { count: 0, input: 0, output: 0 };
      formats.set(image.format, { count: sum.count + 1, input: sum.input + image.input_bytes, output: sum.output + image.output_bytes });
    }
  }
  const errors = [...grouped(state.failures ? state.failures.failures : [])];
  $("savings").hidden = !formats.size && !errors.length;
  const text = JSON.stringify([[...formats], errors.map(([name, all]) => [name, all.length])]);
  if ($("chart").drawn === text) return;
  $("chart").drawn = text;
  const lines = [];
  const most = Math.max(1, ...[...formats.values()].map((sum) => Math.max(sum.input, sum.output)));
  for (const [format, { count, input, output }] of formats) {
    lines.push({ label: `${format}, ${many(count, "image")}: ${size(input)} → ${size(output)}, ${Math.round(100 * (1 - output / input))} % saved`,
      bars: [["before", input / most], ["after", output / most]] });
  }
  const worst = Math.max(1, ...errors.map(([, all]) => all.length));
  for (const [name, all] of errors) lines.push({ label: `${name}: ${many(all.length, "failure")}`, bars: [["failed-bar", all.length / worst]] });
  const drawing = svg("svg", { viewBox: `0 0 640 ${52 * lines.length}`, role: "img" });
  drawing.append(svg("title", {}, lines.map(({ label }) => label).join("; ")));
  lines.forEach(({ label, bars }, place) => {
    drawing.append(svg("text", { x: 0, y: 52 * place + 15 }, label));
    bars.forEach(([kind, share], number) => drawing.append(svg("rect", {
      class: kind, x: 0, y: 52 * place + 22 + 11 * number, width: Math.max(2, 640 * share), height: 9, rx: 2,
    })));
  });
  $("chart").replaceChildren(drawing);
  $("chart-of").textContent = `Of the ${many(state.products.length, "product")} shown below.`;
}
