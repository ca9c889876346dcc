"use strict";
// What failed in a job: grouped, in words, with who can mend it; each URL to copy or open; as CSV.

/** Failed images that are read for the groups; the command line has no such limit. */
const MOST_FAILURES = 5000;
const SHOWN_FAILURES = 100;

function failuresOf(product) {
  const { row, serial, name } = product;
  if (product.error) return [{ row, serial, name, position: null, url: "", code: product.error, status: null, reason: null }];
  return product.images.filter((image) => image.error).map((image) => ({
    row, serial, name, position: image.position, url: image.input_url, code: image.error,
    status: image.http_status || null, reason: image.reason || null,
  }));
}

const groupOf = ({ code, status, reason }) => [code, status, reason].filter(Boolean).join(" ");

/** Follow the cursors of failed and partial products until all that an ended job counts are there, or MOST_FAILURES. */
async function readFailures(id, visit) {
  const { ended_at: ended, products: counted } = state.job;
  const found = [];
  const tell = (done) => {
    const failures = [...found].sort((a, b) => a.row - b.row || a.position - b.position);
    dispatch({ type: "failures", visit, failures: { failures, done, cut: found.length >= MOST_FAILURES } });
  };
  tell(false);
  for (const [status, count] of [["FAILED", counted.failed], ["PARTIAL", counted.partial]]) {
    let missing = ended ? count : Infinity;
    let cursor = "";
    while (missing > 0 && cursor !== null && found.length < MOST_FAILURES) {
      const page = await call("GET", `/jobs/${id}/products?limit=200&status=${status}${cursor}`);
      if (state.visit !== visit) return;
      for (const product of page.products) found.push(...failuresOf(product));
      missing -= page.products.length;
      cursor = page.next_cursor && `&cursor=${encodeURIComponent(page.next_cursor)}`;
      if (cursor) tell(false);
    }
  }
  tell(true);
}

function showFailures() {
  const { failures: known, group, job } = state;
  const lacking = job && job.products.partial + job.products.failed;
  $("failures").hidden = !lacking;
  if (!lacking) return;
  $("look-failures").hidden = Boolean(known);
  const all = known ? known.failures : [];
  const groups = Map.groupBy ? Map.groupBy(all, groupOf) : grouped(all);
  const sorted = [...groups].sort(([, a], [, b]) => b.length - a.length);
  $("failures-said").textContent = !known ? `${many(lacking, "product")} with failures so far.`
    : `${many(all.length, "failure")} in ${many(new Set(all.map((one) => one.row)).size, "product")}${known.done ? "" : ", looking for more …"}`
      + `${known.cut ? `; no more than ${MOST_FAILURES} are shown here: imagemill errors ${job.job_id} has all` : ""}`;
  reconcile($("groups"), sorted.map(([name, members]) => ({ name, count: members.length, first: members[0], on: name === group })),
    ({ name }) => name, showGroup);
  const chosen = group ? groups.get(group) || [] : all;
  reconcile($("failed"), chosen.slice(0, SHOWN_FAILURES), (one) => `${one.row}/${one.position}`, showFailure);
  $("failed-rest").textContent = chosen.length > SHOWN_FAILURES ? `… and ${many(chosen.length - SHOWN_FAILURES, "more", "more")}: the CSV has them.` : "";
  $("failures-csv").hidden = !all.length;
}

function grouped(failures) {
  const groups = new Map();
  for (const one of failures) groups.set(groupOf(one), [...(groups.get(groupOf(one)) || []), one]);
  return groups;
}

function showGroup({ name, count, first, on }) {
  const meaning = MEANINGS[first.code] || { means: "", mender: "", way_out: "", reasons: {} };
  const why = meaning.reasons[first.reason] || meaning.means;
  const pressed = button("", () => dispatch({ type: "group", group: name }), "group");
  pressed.ariaPressed = String(on);
  pressed.append(element("strong", { textContent: count.toLocaleString() }),
    element("span", {}, element("strong", { className: "code", textContent: breakable(name) }), ` ${why}`,
      element("span", { className: "mender", textContent: `${sentence(meaning.mender)}: ${meaning.way_out.replaceAll("`", "")}` })));
  return element("li", {}, pressed);
}

function showFailure({ row, serial, name, position, url, code, status, reason }) {
  const open = isWebAddress(url)
    ? element("a", { href: url, target: "_blank", rel: "noopener noreferrer", textContent: url }) : element("code", { textContent: url });
  return element("li", { className: "failure" },
    element("span", {}, element("strong", { textContent: `Row ${row}` }), ` ${serial} ${name}${position ? `, image ${position}` : ""} `,
      element("span", { className: "fault", textContent: breakable(groupOf({ code, status, reason })) })),
    url && element("span", { className: "url" }, open, button("Copy", () => attempt(() => copy(url)))));
}

/** RFC 4180; a field that a spreadsheet would take for a formula begins with an apostrophe. */
const csvField = (value) => `"${String(value ?? "").replace(/^[=+\-@\t\r]/, "'$&").replaceAll('"', '""')}"`;

function failuresCsv() {
  const names = ["row", "serial", "name", "position", "url", "code", "status", "reason"];
  const lines = state.failures.failures.map((one) => [...names.map((name) => one[name]), MEANINGS[one.code]?.mender, MEANINGS[one.code]?.way_out]);
  return `\ufeff${[[...names, "who can mend it", "how"], ...lines].map((line) => line.map(csvField).join(",")).join("\r\n")}\r\n`;
}

$("failures-csv").onclick = () => hand(`${state.job.job_id}-failures.csv`, failuresCsv(), "text/csv");
$("look-failures").onclick = () => attempt(() => readFailures(state.job.job_id, state.visit));
