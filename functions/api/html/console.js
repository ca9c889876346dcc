"use strict";
// Whatever comes from the API is shown by textContent, never as HTML.

/** The largest CSV that a request takes, in bytes; larger ones go straight to S3. */
const MAX_REQUEST_BYTES = 4 * 1024 * 1024;
const POLL_MILLISECONDS = 1500;
const KEY = "imagemill-api-key";
const PAGE = 20;
// `/v1` and `/v1/` both are this page.
const api = location.pathname.replace(/\/+$/, "");
const $ = (id) => document.getElementById(id);

/** An API call that was refused: RFC 9457 problem details. */
class Refused extends Error {
  constructor(problem, status) {
    super(problem.detail || `The API answered ${status}.`);
    this.problem = problem;
    this.status = status;
  }
}

async function call(method, path, { body, headers, key = sessionStorage.getItem(KEY) } = {}) {
  const answer = await fetch(api + path, { method, body, headers: { "x-api-key": key, ...headers } });
  const document = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(document, answer.status);
  return document;
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function say(text, good = false) {
  $("message").textContent = text;
  $("message").hidden = !text;
  $("message").classList.toggle("good", good);
}

/** Run what a person asked for; a fault is told, and a key that is no longer taken is asked for anew. */
async function attempt(action) {
  try {
    say("");
    await action();
  } catch (fault) {
    if (fault instanceof Refused && fault.status === 403) forget();
    say(fault instanceof Refused ? fault.message : "The API cannot be reached.");
  }
}

const size = (bytes) => {
  const units = ["bytes", "kB", "MB", "GB"];
  let unit = 0;
  for (; bytes >= 1000 && unit < 3; unit++) bytes /= 1000;
  return `${bytes.toLocaleString(undefined, { maximumFractionDigits: bytes < 10 && unit ? 1 : 0 })} ${units[unit]}`;
};
const moment = (text) => new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
const isWebAddress = (text) => /^https?:\/\//i.test(text || "");

// ---- Key

function forget() {
  sessionStorage.removeItem(KEY);
  route();
}

$("forget").onclick = () => { say(""); forget(); };
$("key-form").onsubmit = (event) => {
  event.preventDefault();
  attempt(async () => {
    const key = $("key").value.trim();
    await call("GET", "/jobs?limit=1", { key });
    sessionStorage.setItem(KEY, key);
    $("key").value = "";
    route();
  });
};

// ---- New job

let file = null;

function choose(chosen) {
  file = chosen || null;
  $("file-name").textContent = file ? `${file.name} (${size(file.size)})` : "Drop a CSV here, or choose one";
  $("start").disabled = $("check").disabled = !file;
  $("check").hidden = Boolean(file) && file.size > MAX_REQUEST_BYTES;
  showFaults([]);
}

function options() {
  const given = new FormData($("job-form"));
  return Object.fromEntries([...given].filter(([, value]) => value !== ""));
}

function showFaults(faults, total = faults.length) {
  const items = faults.map((fault) => element("li", {
    className: "fault",
    textContent: `${fault.row ? `Row ${fault.row}: ` : ""}${fault.code}: ${fault.message}`,
  }));
  const rest = total > faults.length ? element("p", { className: "hint", textContent: `… and ${total - faults.length} more.` }) : "";
  $("faults").replaceChildren(element("ul", {}, ...items), rest);
  $("faults").hidden = !faults.length;
}

function form(fields) {
  const made = new FormData();
  for (const [name, value] of Object.entries(fields)) made.append(name, value);
  made.append("file", file, file.name);
  return made;
}

/** POST a form to S3, with progress: fetch tells none. */
function upload({ url, fields }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.upload.onprogress = (event) => { $("sending").value = event.loaded / event.total; };
    request.onload = () => (request.status < 300 ? resolve() : reject(new Refused({ detail: "S3 has refused the file." }, request.status)));
    request.onerror = () => reject(new Refused({ detail: "The upload broke off. Try again." }, 0));
    request.send(form(fields));
  });
}

async function submit() {
  if (file.size <= MAX_REQUEST_BYTES) return call("POST", "/jobs", { body: form(options()) });
  const body = JSON.stringify({ filename: file.name, ...options() });
  const announced = await call("POST", "/uploads", { body, headers: { "content-type": "application/json" } });
  $("sending").hidden = false;
  await upload(announced.upload);
  return announced;
}

async function hand(action) {
  $("start").disabled = $("check").disabled = true;
  try {
    await action();
  } catch (fault) {
    if (fault instanceof Refused) showFaults(fault.problem.errors || [], fault.problem.total_errors);
    throw fault;
  } finally {
    $("sending").hidden = true;
    $("start").disabled = $("check").disabled = !file;
  }
}

$("job-form").onsubmit = (event) => {
  event.preventDefault();
  attempt(() => hand(async () => {
    const { job_id: id } = await submit();
    choose(null);
    $("file").value = "";
    location.hash = `#/jobs/${id}`;
  }));
};
$("check").onclick = () => attempt(() => hand(async () => {
  const found = await call("POST", "/jobs?dry_run=true", { body: form(options()) });
  showFaults(found.errors, found.total_errors);
  const rows = `${found.rows} rows, ${found.images} images${found.skipped ? `, ${found.skipped} rows without one` : ""}.`;
  say(`${found.valid ? "No row is at fault" : `${found.row_errors} rows are at fault`}: ${rows} ${reading(found.csv)}`, found.valid);
}));
$("file").onchange = () => choose($("file").files[0]);
for (const type of ["dragover", "dragleave", "drop"]) {
  $("drop").addEventListener(type, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", type === "dragover");
    if (type === "drop") choose(event.dataTransfer.files[0]);
  });
}

// ---- Jobs

let older = null;
let known = new Map();

const heading = (title, status) => element("div", { className: "heading" }, title,
  element("span", { className: `status ${status}`, textContent: status.replace("_", " ") }));

function facts(job) {
  const { total, completed, partial, failed, cancelled, skipped } = job.products;
  const counts = Object.entries({ completed, partial, failed, cancelled, skipped }).filter(([, count]) => count);
  return [
    moment(job.created_at),
    job.client_reference,
    total ? `${total} ${total === 1 ? "product" : "products"}${counts.map(([name, count]) => `, ${count} ${name}`).join("")}` : null,
    job.images && `${job.images.completed} of ${job.images.total} images`,
    job.bytes && job.bytes.input
      ? `${size(job.bytes.input)} → ${size(job.bytes.output)} (${Math.round(100 * job.bytes.saved / job.bytes.input)} % saved)` : null,
  ].filter(Boolean).join(" · ");
}

/** How a CSV was read: what a person can see at once when it was read wrong. */
function reading(csv) {
  if (!csv) return null;
  const delimiter = { ",": "comma", ";": "semicolon", "\t": "tab" }[csv.delimiter] || csv.delimiter;
  const { serial, name, urls } = csv.columns;
  return `Read as ${csv.feed}, ${csv.encoding}, ${delimiter}: serial “${serial}”, name “${name}”, URLs “${urls.join("”, “")}”.`;
}

const bar = (job) => job.ended_at ? null : element("progress", {
  max: 1, value: job.progress, ariaLabel: `Progress of ${job.filename}`,
});
const faultsOf = (job) => job.errors.map((fault) => element("p", {
  className: "fault", textContent: `${fault.code}: ${fault.message}`,
}));

function showJobs() {
  const jobs = [...known.values()].sort((a, b) => (a.job_id < b.job_id ? 1 : -1));
  $("jobs").replaceChildren(...jobs.map((job) => element("li", { className: "card" },
    heading(element("a", { href: `#/jobs/${job.job_id}`, textContent: job.filename }), job.status),
    bar(job), element("p", { className: "facts", textContent: facts(job) }), ...faultsOf(job))));
  $("no-jobs").hidden = jobs.length > 0;
}

async function readJobs(cursor) {
  const page = await call("GET", `/jobs?limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
  for (const job of page.jobs) known.set(job.job_id, job);
  if (cursor || !older) older = page.next_cursor;
  $("more-jobs").hidden = !older;
  // A poll that changes nothing leaves the list alone, and with it the reader's focus.
  if ($("jobs").dataset.shown !== JSON.stringify([...known])) {
    $("jobs").dataset.shown = JSON.stringify([...known]);
    showJobs();
  }
}

$("more-jobs").onclick = () => attempt(() => readJobs(older));

// ---- One job

let shown = null;
// of: the job as it was when its products were read.
let products = { cursor: null, read: 0, of: "" };

function showJob(job) {
  shown = job;
  $("job-title").textContent = job.filename;
  $("job").replaceChildren(element("div", { className: "card" },
    heading(element("code", { textContent: job.job_id }), job.status), bar(job),
    element("p", { className: "facts", textContent: facts(job) }),
    job.csv && element("p", { className: "hint", textContent: reading(job.csv) }), ...faultsOf(job)));
  $("download").hidden = !job.links.output;
  $("cancel").hidden = Boolean(job.ended_at);
  $("retry").hidden = !["PARTIAL", "FAILED", "CANCELLED"].includes(job.status);
}

/** What a code means and what to do about it, in the words of the reference; nothing for a code that it has not. */
function explained(code, reason) {
  const meaning = MEANINGS[code];
  if (!meaning) return "";
  const why = meaning.reasons[reason] ? ` (${meaning.reasons[reason]})` : "";
  return `${code}: ${meaning.means}${why}. ${meaning.mender}: ${meaning.way_out}.`.replaceAll("`", "");
}

/** A code that may be broken after its underscores, and not in mid-word. */
const breakable = (word) => word.replaceAll("_", "_\u200b");

function showImage(image) {
  const name = `Image ${image.position}`;
  if (!isWebAddress(image.output_url)) {
    const word = image.error ? `${image.error}${image.http_status ? ` ${image.http_status}` : ""}` : image.status.toLowerCase();
    const title = [image.input_url, image.error && explained(image.error, image.reason)].filter(Boolean).join("\n");
    return element("li", { className: "image", title },
      element("span", { className: image.error ? "blank fault" : "blank", textContent: breakable(word) }), name);
  }
  const picture = element("img", { loading: "lazy", alt: name, src: image.output_url });
  const link = element("a", { href: image.output_url, target: "_blank", rel: "noopener noreferrer" }, picture);
  const saved = image.kept ? "kept as it was" : `${size(image.input_bytes)} → ${size(image.output_bytes)}`;
  return element("li", { className: "image", title: image.input_url }, link, `${image.format}, ${saved}`);
}

const showProduct = (product) => element("li", { className: "card" },
  heading(element("strong", { textContent: `${product.row}. ${product.name || "(no name)"}` }), product.status),
  element("p", { className: "facts", textContent: product.serial }),
  product.error && element("p", { className: "fault", textContent: explained(product.error) }),
  element("ul", { className: "images" }, ...product.images.map(showImage)));

/** Read products anew, as many as are shown, or the page after them. */
async function readProducts(id, further = false) {
  const status = $("filter").value ? `&status=${$("filter").value}` : "";
  const cursor = further && products.cursor ? `&cursor=${encodeURIComponent(products.cursor)}` : "";
  const page = await call("GET", `/jobs/${id}/products?limit=${PAGE}${status}${cursor}`);
  if (current() !== id) return;
  const items = page.products.map(showProduct);
  if (further) $("products").append(...items);
  else $("products").replaceChildren(...items);
  products = { ...products, cursor: page.next_cursor, read: (further ? products.read : 0) + items.length };
  $("more-products").hidden = !page.next_cursor;
  $("no-products").hidden = products.read > 0;
}

const act = (action, done) => () => attempt(async () => {
  showJob(await call("POST", `/jobs/${shown.job_id}/${action}`));
  say(done, true);
  poll();
});
$("cancel").onclick = act("cancel", "What has not begun will not be done.");
$("retry").onclick = act("retry", "What failed is tried again.");
$("more-products").onclick = () => attempt(() => readProducts(current(), true));
$("filter").onchange = () => attempt(() => readProducts(current()));
$("download").onclick = () => attempt(async () => {
  const { url } = await call("GET", `/jobs/${shown.job_id}/output?redirect=false`);
  location.assign(url);
});

// ---- What is shown, and keeping it true

const current = () => (location.hash.match(/^#\/jobs\/([0-9A-Z]{26})$/) || [])[1] || null;
let timer = 0;

/** Look again after a while, as long as something goes on and somebody looks. */
async function poll() {
  clearTimeout(timer);
  if (document.hidden || !sessionStorage.getItem(KEY)) return;
  const id = current();
  let goesOn = true;
  try {
    if (id) {
      const job = await call("GET", `/jobs/${id}`);
      if (current() !== id) return;
      goesOn = !job.ended_at;
      if (JSON.stringify(job) !== JSON.stringify(shown)) showJob(job);
      // Whoever has read on keeps the place, until the job has ended.
      if (products.of !== JSON.stringify(job) && (products.read <= PAGE || !goesOn)) {
        await readProducts(id);
        products.of = JSON.stringify(job);
      }
    } else {
      await readJobs();
      goesOn = [...known.values()].some((job) => !job.ended_at);
    }
  } catch (fault) {
    if (!(fault instanceof Refused) || fault.status === 429 || fault.status >= 500) goesOn = true;
    else {
      if (fault.status === 403) forget();
      say(fault.message);
      return;
    }
  }
  clearTimeout(timer);
  timer = setTimeout(poll, goesOn ? POLL_MILLISECONDS : 10 * POLL_MILLISECONDS);
}

function route() {
  const signedIn = Boolean(sessionStorage.getItem(KEY));
  const id = signedIn ? current() : null;
  $("sign-in").hidden = signedIn;
  $("forget").hidden = !signedIn;
  $("overview").hidden = !signedIn || Boolean(id);
  $("detail").hidden = !id;
  if (!signedIn) {
    known = new Map();
    older = shown = null;
    $("key").focus();
  } else if (id) {
    shown = null;
    products = { cursor: null, read: 0, of: "" };
    $("filter").value = "";
    $("job-title").textContent = "…";
    for (const place of ["job", "products"]) $(place).replaceChildren();
    for (const control of ["download", "cancel", "retry", "more-products", "no-products"]) $(control).hidden = true;
    $("job-title").focus();
  }
  poll();
}

$("docs").href = `${api}/docs`;
window.onhashchange = () => { say(""); route(); };
document.onvisibilitychange = poll;
route();
