"use strict";
// The list of jobs, one job, and its products.

/** Products that are asked for in one page while the console looks for something. */
const LOOK = 200;

const heading = (title, status) => element("div", { className: "heading" }, title,
  element("span", { className: `status ${status}`, textContent: status.replace("_", " ") }));

function facts(job) {
  const { total, completed, partial, failed, cancelled, skipped } = job.products;
  const counts = Object.entries({ completed, partial, failed, cancelled, skipped }).filter(([, count]) => count);
  const { images, bytes } = job;
  return [
    moment(job.created_at),
    job.client_reference,
    total ? `${many(total, "product")}${counts.map(([name, count]) => `, ${count.toLocaleString()} ${name}`).join("")}` : null,
    images && `${images.completed} of ${many(images.total, "image")}${images.reused ? `, ${images.reused} used again` : ""}`,
    bytes && bytes.input ? `${size(bytes.input)} → ${size(bytes.output)} (${Math.round(100 * bytes.saved / bytes.input)} % saved)` : null,
  ].filter(Boolean).join(" · ");
}

/** How a CSV was read: what a person can see at once when it was read wrong. */
function reading(csv) {
  if (!csv) return null;
  const delimiter = { ",": "comma", ";": "semicolon", "\t": "tab" }[csv.delimiter] || csv.delimiter;
  const { serial, name, urls } = csv.columns;
  return `Read as ${csv.feed}, ${csv.encoding}, ${delimiter}: serial “${serial}”, name “${name}”, URLs “${urls.join("”, “")}”.`;
}

const bar = (job) => job.ended_at ? null : element("progress", { max: 1, value: job.progress, ariaLabel: `Progress of ${job.filename}` });
const faultsOf = (job) => job.errors.map((fault) => element("p", { className: "fault", textContent: `${fault.code}: ${fault.message}` }));

const showJobCard = (job) => element("li", { className: "card" },
  heading(element("a", { href: `#/jobs/${job.job_id}`, textContent: job.filename }), job.status),
  bar(job), element("p", { className: "facts", textContent: facts(job) }), ...faultsOf(job));

function showJobs() {
  const jobs = [...state.jobs.values()].sort((a, b) => (a.job_id < b.job_id ? 1 : -1));
  reconcile($("jobs"), jobs, (job) => job.job_id, showJobCard);
  $("no-jobs").hidden = jobs.length > 0 || !state.updated;
  $("more-jobs").hidden = !state.older;
}

/** The newest jobs, or those after a cursor. A page may be empty and yet have a cursor: it is followed. */
async function readJobs(cursor, visit = state.visit) {
  let next = cursor;
  do {
    const page = await call("GET", `/jobs?limit=${PAGE}${next ? `&cursor=${encodeURIComponent(next)}` : ""}`);
    dispatch({ type: "jobs", visit, page, further: Boolean(next) });
    next = page.jobs.length ? null : page.next_cursor;
  } while (next && state.visit === visit);
}

// ---- One job

function showJob(before) {
  const { job } = state;
  for (const id of ["download", "cancel", "retry", "fetch-images", "deliveries-box"]) $(id).hidden = true;
  if (!job) {
    $("job-title").textContent = "…";
    $("job").replaceChildren();
    return;
  }
  if (job !== before.job) {
    $("job-title").textContent = job.filename;
    reconcile($("job"), [job], (one) => one.job_id, (one) => element("div", { className: "card" },
      heading(element("code", { textContent: one.job_id }), one.status), bar(one),
      element("p", { className: "facts", textContent: facts(one) }),
      one.csv && element("p", { className: "hint", textContent: reading(one.csv) }), ...faultsOf(one)));
  }
  $("download").hidden = !job.links.output;
  $("cancel").hidden = Boolean(job.ended_at);
  $("retry").hidden = !["PARTIAL", "FAILED", "CANCELLED"].includes(job.status);
  $("fetch-images").hidden = !(job.images && job.images.completed);
  $("deliveries-box").hidden = !job.ended_at;
  $("client-line").textContent = `imagemill download ${job.job_id} out/ --zip`;
}

function showImage(image) {
  const name = `Image ${image.position}`;
  const source = isWebAddress(image.input_url) && element("a", { className: "source", href: image.input_url, target: "_blank", rel: "noopener noreferrer", textContent: "original" });
  if (!isWebAddress(image.output_url)) {
    const word = image.error ? `${image.error}${image.http_status ? ` ${image.http_status}` : ""}` : image.status.toLowerCase();
    return element("li", { className: "image", title: [image.input_url, image.error && explained(image.error, image.reason)].filter(Boolean).join("\n") },
      element("span", { className: image.error ? "blank fault" : "blank", textContent: breakable(word) }), `${name} `, source || null);
  }
  const picture = element("img", { loading: "lazy", alt: `${name}, compressed`, src: image.output_url });
  const link = element("a", { className: "picture", href: image.output_url, target: "_blank", rel: "noopener noreferrer" }, picture);
  const saved = image.kept ? "kept as it was" : `${size(image.input_bytes)} → ${size(image.output_bytes)}`;
  return element("li", { className: "image", title: image.input_url }, link, `${image.format}, ${saved}${image.reused ? ", used again" : ""}`,
    source && element("span", {}, button("Compare", () => compare(image), "link"), " ", source));
}

const showProduct = (product) => element("li", { className: "card" },
  heading(element("strong", { textContent: `${product.row}. ${product.name || "(no name)"}` }), product.status),
  element("p", { className: "facts", textContent: product.serial }),
  product.error && element("p", { className: "fault", textContent: explained(product.error) }),
  product.images.length ? element("ul", { className: "images" }, ...product.images.map(showImage)) : null);

function showProducts() {
  const { products, looking, lookedAt, cursor, words, filter, updated } = state;
  reconcile($("products"), products, (product) => product.row, showProduct);
  const what = words ? `“${words}”` : filter ? filter.toLowerCase() : "";
  $("looking").textContent = looking ? `Looking for ${what || "products"}${lookedAt ? `: row ${lookedAt.toLocaleString()} is reached` : ""} …`
    : products.length || !updated ? "" : `There is no product${what ? `: ${what}` : ""}.`;
  $("stop-looking").hidden = !(looking && (words || filter));
  $("more-products").hidden = !cursor || looking;
  drawSavings();
}

const matches = (product, words) => !words || [product.serial, product.name, ...product.images.map((image) => image.input_url)]
  .some((text) => (text || "").toLowerCase().includes(words.toLowerCase()));

const cursorAt = (row) => btoa(String(row)).replace(/=+$/, "");

/** Read on until a page is full or the list has ended, page by page: what is looked for may be far down. */
async function look(cursor) {
  const { visit, list, filter, words, job } = state;
  const id = job ? job.job_id : state.place.job;
  let next = cursor;
  let found = 0;
  try {
    do {
      const asked = `/jobs/${id}/products?limit=${words ? LOOK : PAGE}${filter ? `&status=${filter}` : ""}${next ? `&cursor=${encodeURIComponent(next)}` : ""}`;
      const page = await call("GET", asked);
      const products = page.products.filter((product) => matches(product, words));
      found += products.length;
      next = page.next_cursor;
      const lookedAt = next ? Number(atob(next.replaceAll("-", "+").replaceAll("_", "/"))) || 0 : 0;
      dispatch({ type: "products", visit, list, products, cursor: next, lookedAt, looking: Boolean(next) && found < PAGE });
    } while (next && found < PAGE && state.visit === visit && state.list === list && state.looking);
  } catch (fault) {
    if (state.visit === visit && state.list === list) {
      dispatch({ type: "trouble", visit, text: told(fault) });
      throw fault;
    }
  }
}

/** A new question about the products: answers to the one before are dropped. */
function ask({ filter = $("filter").value, words = $("search").value.trim(), row = 0 } = {}) {
  dispatch({ type: "asked", filter, words, from: row });
  return look(row > 1 ? cursorAt(row - 1) : null);
}

/** Read anew what is shown, while a job goes on; a search is not repeated. */
async function refresh(of) {
  const { visit, list, filter, words, from, products, place } = state;
  if (words || state.looking) return;
  const limit = Math.min(LOOK, Math.max(PAGE, products.length));
  const start = from > 1 ? `&cursor=${encodeURIComponent(cursorAt(from - 1))}` : "";
  const page = await call("GET", `/jobs/${place.job}/products?limit=${limit}${filter ? `&status=${filter}` : ""}${start}`);
  dispatch({ type: "refreshed", visit, list, products: page.products, cursor: page.next_cursor, of });
  if (!page.products.length && page.next_cursor && state.list === list) {
    dispatch({ type: "looking", visit, list });
    await look(page.next_cursor);
  }
}

const act = (action, done) => () => attempt(async () => {
  const { visit } = state;
  dispatch({ type: "job", visit, job: await call("POST", `/jobs/${state.job.job_id}/${action}`) });
  say(done, true);
  poll();
});
$("cancel").onclick = act("cancel", "What has not begun will not be done.");
$("retry").onclick = act("retry", "What failed is tried again.");
$("more-jobs").onclick = () => attempt(() => readJobs(state.older));
$("more-products").onclick = () => attempt(async () => {
  dispatch({ type: "looking", visit: state.visit, list: state.list });
  await look(state.cursor);
});
$("filter").onchange = () => attempt(() => ask());
$("search-form").onsubmit = (event) => {
  event.preventDefault();
  attempt(() => ask());
};
$("jump-form").onsubmit = (event) => {
  event.preventDefault();
  $("filter").value = $("search").value = "";
  attempt(() => ask({ row: Number($("jump").value) || 0 }));
};
$("stop-looking").onclick = () => dispatch({ type: "products", visit: state.visit, list: state.list, products: [], cursor: state.cursor, looking: false, lookedAt: 0 });
$("download").onclick = () => attempt(async () => {
  const { url } = await call("GET", `/jobs/${state.job.job_id}/output?redirect=false`);
  location.assign(url);
});
$("copy-line").onclick = () => attempt(() => copy($("client-line").textContent));
