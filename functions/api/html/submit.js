"use strict";
// A new job: one submission is one job, whatever becomes of its answer.

/** The largest CSV that a request takes, in bytes; larger ones go straight to S3. */
const MAX_REQUEST_BYTES = 4 * 1024 * 1024;
/** Read of a file for its header and first row, in bytes. */
const HEAD_BYTES = 256 * 1024;

let file = null;
/** The submission whose answer is not known: the same content and options have the same Idempotency-Key. */
let unanswered = { of: "", key: "" };
let sending = false;

function choose(chosen) {
  file = chosen || null;
  if (!file) $("file").value = "";
  unanswered = { of: "", key: "" };
  $("file-name").textContent = file ? `${file.name} (${size(file.size)})` : "Drop a CSV here, or choose one";
  $("start").disabled = $("check").disabled = $("trial").disabled = !file;
  $("check").hidden = Boolean(file) && file.size > MAX_REQUEST_BYTES;
  $("mapping").hidden = $("trials").hidden = true;
  showFaults([]);
}

function options() {
  const given = new FormData($("job-form"));
  return Object.fromEntries([...given].filter(([, value]) => value !== ""));
}

function showFaults(faults, total = faults.length) {
  const items = faults.map((fault) => element("li", {
    className: "fault", textContent: `${fault.row ? `Row ${fault.row}: ` : ""}${fault.code}: ${fault.message}`,
  }));
  const rest = total > faults.length ? element("p", { className: "hint", textContent: `… and ${total - faults.length} more.` }) : "";
  $("faults").replaceChildren(element("ul", {}, ...items), rest);
  $("faults").hidden = !faults.length;
}

function form(fields, content = file, name = file.name) {
  const made = new FormData();
  for (const [field, value] of Object.entries(fields)) made.append(field, value);
  made.append("file", content, name);
  return made;
}

/** The file's bytes as they are now. A browser lets nobody read a file that was changed after it was chosen. */
async function content() {
  try {
    return new Blob([await file.arrayBuffer()], { type: "text/csv" });
  } catch {
    choose(null);
    $("file").focus();
    throw new Refused({ detail: "The file was changed after it was chosen. Choose it again: it is then read as it is now." }, 0);
  }
}

const progress = (done) => {
  $("sending").hidden = false;
  $("sending").value = done;
  document.title = `${Math.round(100 * done)} % sent · imagemill`;
};

async function digest(blob) {
  if (!crypto.subtle) return `${blob.size}`;
  const bytes = await crypto.subtle.digest("SHA-256", await blob.arrayBuffer());
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

async function submit() {
  const given = options();
  if (file.size <= MAX_REQUEST_BYTES) {
    const bytes = await content();
    const of = JSON.stringify([await digest(bytes), file.name, given]);
    if (unanswered.of !== of) unanswered = { of, key: newKey() };
    return call("POST", "/jobs", { body: form(given, bytes), progress, again: true, headers: { "idempotency-key": unanswered.key } });
  }
  const announced = await call("POST", "/uploads", asJson({ filename: file.name, ...given }));
  await upload(announced.upload);
  return announced;
}

/** POST the file to S3. The first object under the key is the job's: to send it again after a cut changes nothing. */
async function upload({ url, fields }) {
  for (const wait of [...AGAIN_MILLISECONDS, null]) {
    try {
      const answer = await send("POST", url, { body: form(fields), progress });
      if (answer.status < 300) return;
      throw new Refused({ detail: "S3 has refused the file." }, answer.status);
    } catch (fault) {
      if (wait === null || !(fault instanceof Unreachable)) throw fault;
      await file.slice(0, 1).arrayBuffer().catch(content);
      await sleep(wait);
    }
  }
}

/** Run one thing with the chosen file at a time: a second click while it runs does nothing. */
async function withFile(action) {
  if (sending || !file) return;
  sending = true;
  for (const name of ["start", "check", "trial"]) $(name).disabled = true;
  try {
    await action();
  } catch (fault) {
    if (fault instanceof Refused) {
      showFaults(fault.problem.errors || [], fault.problem.total_errors);
      if (fault.problem.code === "MISSING_COLUMNS" || (fault.problem.errors || []).some(({ code }) => code === "MISSING_COLUMNS")) await offerMapping();
    }
    throw fault;
  } finally {
    sending = false;
    $("sending").hidden = true;
    for (const name of ["start", "check", "trial"]) $(name).disabled = !file;
    title();
  }
}

// ---- Columns

/** The first records of a file, as text, each a list of fields; the delimiter is the commonest of the header. */
async function records(most) {
  const text = new TextDecoder().decode(await file.slice(0, HEAD_BYTES).arrayBuffer());
  const header = text.split(/\r?\n|\r/, 1)[0];
  const delimiter = [",", ";", "\t"].sort((a, b) => header.split(b).length - header.split(a).length)[0];
  const found = [];
  let fields = [], field = "", quoted = false, began = 0;
  for (let place = 0; place < text.length && found.length < most; place++) {
    const letter = text[place];
    if (quoted && letter === '"' && text[place + 1] === '"') { field += '"'; place++; }
    else if (letter === '"' && (quoted || !field)) quoted = !quoted;
    else if (quoted) field += letter;
    else if (letter === delimiter) { fields.push(field); field = ""; }
    else if (letter === "\n" || (letter === "\r" && text[place + 1] !== "\n")) {
      found.push({ fields: [...fields, field.replace(/\r$/, "")], text: text.slice(began, place + 1) });
      fields = []; field = ""; began = place + 1;
    } else field += letter;
  }
  if (found.length < most && began < text.length) found.push({ fields: [...fields, field], text: text.slice(began) });
  return found;
}

async function offerMapping() {
  const [header, example] = await records(2);
  const named = header.fields.map((name, place) => [name.replace(/^\ufeff/, ""), example?.fields[place] || ""]);
  for (const id of ["map-serial", "map-name", "map-urls"]) {
    $(id).replaceChildren(element("option", { value: "", textContent: "–" }), ...named.map(([name, value]) => element("option", {
      value: name, textContent: value ? `${name} (${value.slice(0, 40)})` : name,
    })));
  }
  const likely = named.find(([, value]) => isWebAddress(value));
  if (likely) $("map-urls").value = likely[0];
  $("mapping").hidden = false;
  $("map-serial").focus();
}

$("map-use").onclick = () => {
  for (const name of ["serial", "name", "urls"]) $("job-form").elements[`${name}_column`].value = $(`map-${name}`).value;
  $("mapping").hidden = true;
  showFaults([]);
  attempt(() => withFile(check));
};

// ---- Trial

const TRIAL_QUALITIES = [30, 50, 70, 85];

/** The first image of the CSV at four qualities: four jobs of one row, told apart by their reference. */
async function trial() {
  const [header, ...rows] = await records(200);
  const row = rows.find(({ text }) => /https?:\/\/|\/\//i.test(text));
  if (!row) throw new Refused({ detail: "No image URL is in the first rows: the trial needs a UTF-8 file with one." }, 0);
  const sample = new Blob([header.text.replace(/[\r\n]*$/, "\r\n"), row.text], { type: "text/csv" });
  $("trials").hidden = false;
  $("trials").replaceChildren(...TRIAL_QUALITIES.map((quality) => element("li", { className: "image", id: `trial-${quality}`, textContent: `Quality ${quality} …` })));
  await Promise.all(TRIAL_QUALITIES.map((quality) => tryOut(sample, quality)));
}

async function tryOut(sample, quality) {
  const { webhook_url: _, ...given } = options();
  const headers = { "idempotency-key": newKey() };
  const body = form({ ...given, quality, client_reference: `trial at quality ${quality}` }, sample);
  let job = await call("POST", "/jobs", { body, again: true, headers });
  for (let wait = 500; !job.ended_at; wait = Math.min(2 * wait, 5000)) {
    await sleep(wait);
    job = await call("GET", `/jobs/${job.job_id}`);
  }
  const { products } = await call("GET", `/jobs/${job.job_id}/products?limit=1`);
  const image = products[0]?.images[0];
  const failed = products[0]?.error || image?.error || (job.errors[0] || {}).code || "no image";
  const made = image?.output_url ? showImage(image) : element("li", { className: "image" }, element("span", { className: "blank fault", textContent: breakable(failed) }));
  made.prepend(element("strong", { textContent: `Quality ${quality}` }));
  made.append(button("Use it", () => { $("job-form").elements.quality.value = quality; say(`Quality ${quality} is chosen.`, true); }));
  $(`trial-${quality}`).replaceWith(made);
}

// ---- Controls

async function check() {
  const found = await call("POST", "/jobs?dry_run=true", { body: form(options(), await content()), progress, again: true });
  showFaults(found.errors, found.total_errors);
  const rows = `${many(found.rows, "row")}, ${many(found.images, "image")}${found.skipped ? `, ${many(found.skipped, "row")} without one` : ""}.`;
  say(`${found.valid ? "No row is at fault" : `${many(found.row_errors, "row")} at fault`}: ${rows} ${reading(found.csv) || ""}`, found.valid);
}

$("job-form").onsubmit = (event) => {
  event.preventDefault();
  attempt(() => withFile(async () => {
    const { job_id: id } = await submit();
    choose(null);
    location.hash = `#/jobs/${id}`;
  }));
};
$("check").onclick = () => attempt(() => withFile(check));
$("trial").onclick = () => attempt(() => withFile(trial));
// Without its value, the same file chosen again is a change, too.
$("file").onclick = () => { $("file").value = ""; };
$("file").onchange = () => { if ($("file").files.length) choose($("file").files[0]); };
for (const type of ["dragover", "dragleave", "drop"]) {
  $("drop").addEventListener(type, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", type === "dragover");
    if (type === "drop" && event.dataTransfer.files.length) choose(event.dataTransfer.files[0]);
  });
}
window.addEventListener("beforeunload", (event) => { if (sending) event.preventDefault(); });
