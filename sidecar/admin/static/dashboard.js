// The dashboard: polls the admin API and draws what it says. No build step, nothing from elsewhere.
"use strict";

const POLL_MS = 2000;
const STALE_MS = 3 * POLL_MS;
const SVG = "http://www.w3.org/2000/svg";
const STATES = { ok: "ok", drift: "drift", not_enough_data: "waiting for data" };
const DROP_WORDS = (reason) => reason.replaceAll("_", " ");

const view = { answeredMs: 0, fault: "", model: "", modelsKey: "", feature: null, earlier: null, rate: null };
const at = (id) => document.getElementById(id);

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function shape(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// --- words

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

function number(value, digits = 3) {
  if (!isNumber(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e6)) return value.toExponential(1);
  return size >= 100 ? value.toFixed(size >= 1000 ? 0 : 1) : String(Number(value.toPrecision(digits)));
}

const count = (value) => (isNumber(value) ? Math.round(value).toLocaleString("en") : "–");
const percent = (ratio) => (isNumber(ratio) ? `${number(100 * ratio, 2)} %` : "–");

function duration(seconds) {
  if (!isNumber(seconds)) return "–";
  if (seconds < 1) return `${Math.round(1000 * seconds)} ms`;
  if (seconds < 120) return `${number(seconds, 2)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${number(seconds / 3600, 2)} h` : `${Math.round(seconds / 86400)} d`;
}

function clock(unixSeconds) {
  if (!isNumber(unixSeconds)) return "";
  const when = new Date(1000 * unixSeconds);
  const time = when.toLocaleTimeString("en-GB");
  return when.toDateString() === new Date().toDateString() ? time : `${when.toLocaleDateString("en-CA")} ${time}`;
}

// --- asking

class Refused extends Error {}

async function ask(path) {
  const token = sessionStorage.getItem("sidecar-token");
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(path, { headers, cache: "no-store", signal: AbortSignal.timeout(2 * POLL_MS) });
  if (answer.status === 401) throw new Refused(token ? "That token was not accepted." : "");
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`${path.split("?")[0]} answered ${answer.status}`);
  return answer.json();
}

const modelQuery = () => {
  if (!view.model) return new URLSearchParams();
  const [model, version] = JSON.parse(view.model);
  return new URLSearchParams(version === null ? { model } : { model, version });
};

async function poll() {
  try {
    const [status, drift, shadow] = await Promise.all(
      [ask("/api/v1/status"), ask(`/api/v1/drift?${modelQuery()}`), ask("/api/v1/shadow")]);
    showToken(false);
    at("main").hidden = false;
    showStatus(status ?? {});
    showDrift(drift ?? { features: [] });
    showShadows(shadow?.shadows ?? []);
    await showDetail();
    view.answeredMs = Date.now();
    view.fault = "";
  } catch (fault) {
    if (fault instanceof Refused) showToken(true, fault.message);
    else view.fault = fault.name === "TimeoutError" ? "no answer in time" : fault.message;
  }
  showFreshness();
  setTimeout(poll, POLL_MS);
}

function showToken(needed, message = "") {
  const form = at("token-form");
  if (needed) {
    at("main").hidden = true;
    at("token-fault").textContent = message;
    if (form.hidden) { form.hidden = false; at("token").focus(); }
  } else {
    form.hidden = true;
  }
}

function showFreshness() {
  const ageMs = Date.now() - view.answeredMs;
  const waitsForToken = !at("token-form").hidden;
  const isStale = !waitsForToken && (view.answeredMs ? ageMs > STALE_MS : Boolean(view.fault));
  at("stale").hidden = !isStale;
  const since = view.answeredMs ? `These numbers are ${duration(ageMs / 1000)} old` : "No numbers yet";
  at("stale").textContent = `${since}: the admin server does not answer${view.fault ? ` (${view.fault})` : ""}.`;
  at("freshness").textContent = waitsForToken ? "waiting for the token" : isStale ? "stale" : view.answeredMs ? "live" : "connecting …";
}

// --- traffic

function showStatus(status) {
  const account = status.accounting ?? {};
  const dropped = Object.entries(account.dropped ?? {}).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
  const lost = dropped.reduce((sum, [, n]) => sum + n, 0);
  const lag = status.monitor?.lag_s ?? status.monitor_lag_s;
  at("version").textContent = [status.version, isNumber(status.uptime_s) && `up ${duration(status.uptime_s)}`].filter(Boolean).join(" · ");
  showModels(status.models ?? []);
  const workers = Array.isArray(status.workers) ? status.workers.length : status.workers;
  tiles([
    ["requests a second", number(rateOf(account.seen), 3)],
    ["exchanges seen", count(account.seen)],
    ["workers", workers ?? "–"],
    ["monitor level", status.level ?? "–", status.level !== undefined && status.level !== "full" && status.level !== 0],
    ["monitor lag", duration(lag), lag > 10],
    ["payloads taken", percent(status.tap_ratio)],
    ["lost", count(lost), lost > 0],
  ]);
  accountBar(account, lost);
  at("losses").classList.toggle("worry", lost > 0);
  at("losses").textContent = lost
    ? `Lost to monitoring (all were served): ${dropped.map(([reason, n]) => `${DROP_WORDS(reason)} ${count(n)}`).join(" · ")}`
    : "Nothing was lost to monitoring.";
}

function rateOf(seen) {
  const nowMs = performance.now();
  if (isNumber(seen)) {
    if (view.earlier && seen >= view.earlier.seen && nowMs > view.earlier.nowMs) {
      view.rate = (1000 * (seen - view.earlier.seen)) / (nowMs - view.earlier.nowMs);
    }
    view.earlier = { seen, nowMs };
  }
  return view.rate;
}

function tiles(entries) {
  at("tiles").replaceChildren(...entries.map(([name, value, worry]) =>
    element("div", { className: worry ? "worry" : "" }, element("dt", { textContent: name }), element("dd", { textContent: value }))));
}

function accountBar(account, lost) {
  const parts = [["analysed", account.analysed], ["sampled_out", account.sampled_out], ["in_flight", account.in_flight], ["dropped", lost]];
  const total = Math.max(1, account.seen ?? 0);
  let left = 0;
  const rects = parts.map(([name, n]) => {
    const width = (100 * (n || 0)) / total;
    const rect = shape("rect", { x: `${left}%`, y: 0, width: `${width}%`, height: 12, class: name });
    left += width;
    return rect;
  });
  at("account-bar").replaceChildren(shape("rect", { width: "100%", height: 12, class: "track", rx: 3 }), ...rects);
  at("account-key").replaceChildren(...parts.map(([name, n]) => {
    const mark = shape("svg", { width: 12, height: 12, "aria-hidden": "true" }, shape("rect", { width: 12, height: 12, class: name }));
    return element("li", {}, mark, ` ${DROP_WORDS(name)} ${count(n)} (${percent((n || 0) / total)})`);
  }));
}

function showModels(models) {
  const keys = models.map((item) => (typeof item === "string" ? [item, null] : [item.model, item.version ?? null]));
  const key = JSON.stringify(keys);
  if (key === view.modelsKey) return;
  view.modelsKey = key;
  at("model-choice").hidden = keys.length < 2;
  at("model").replaceChildren(...keys.map(([model, version]) =>
    element("option", { value: JSON.stringify([model, version]), textContent: version ? `${model} · ${version}` : model })));
  if (view.model && keys.some((pair) => JSON.stringify(pair) === view.model)) at("model").value = view.model;
  else view.model = "";
}

// --- drift

const evidence = (feature) => (isNumber(feature.log_e) ? feature.log_e - (feature.log_e_threshold ?? 0) : -Infinity);

function showDrift(drift) {
  const features = [...(drift.features ?? [])].sort((a, b) => evidence(b) - evidence(a) || a.name.localeCompare(b.name));
  at("no-features").hidden = features.length > 0;
  at("features").hidden = features.length === 0;
  const parts = [drift.model && [drift.model, drift.version].filter(Boolean).join(" · "),
    drift.window && `${count(drift.window.rows)} rows from ${clock(drift.window.start_unix_s)} to ${clock(drift.window.end_unix_s)}`,
    drift.reference && `against a reference of ${count(drift.reference.rows)} rows`];
  at("window").textContent = parts.filter(Boolean).join(", ");
  const held = document.activeElement?.dataset?.key;
  at("feature-rows").replaceChildren(...features.map(row));
  if (held) [...document.querySelectorAll("button.name")].find((item) => item.dataset.key === held)?.focus({ preventScroll: true });
}

function row(feature) {
  const key = JSON.stringify([feature.name, feature.role]);
  const button = element("button", { type: "button", className: "name", textContent: feature.name });
  button.dataset.key = key;
  const cell = (text, className = "number") => element("td", { className, textContent: text });
  const made = element("tr", { className: view.feature === key ? "chosen" : "" },
    element("th", { scope: "row" }, button, element("span", { className: "role", textContent: feature.role === "output" ? "output" : feature.kind === "categorical" ? "categories" : "" })),
    element("td", {}, element("span", { className: `badge ${feature.state}`, textContent: STATES[feature.state] ?? feature.state })),
    meterCell(feature.log_e, feature.log_e_threshold, 90, "over"),
    meterCell(feature.psi_debiased, feature.psi_critical, 60, "unusual"),
    cell(number(feature.js_distance, 2)), cell(number(feature.ks, 2)), cell(number(feature.wasserstein, 2)), cell(percent(feature.missing_ratio)),
    cell(moved(feature.moved), ""), cell(clock(feature.since_unix_s) || "–", ""));
  made.addEventListener("click", () => choose(key));
  return made;
}

function moved(where) {
  if (!where) return "–";
  const arrow = { up: "↑ ", down: "↓ " }[where.direction] ?? "";
  return `${arrow}${where.at}${arrow ? "" : ` ${where.direction ?? ""}`}${howFar(where)}`;
}

// A quantile by the value that it was and is, a share by itself.
function howFar(where) {
  if (isNumber(where.from_value) && isNumber(where.to_value)) return `: ${number(where.from_value)} → ${number(where.to_value)}`;
  if (isNumber(where.from) && isNumber(where.to)) return `: ${percent(where.from)} → ${percent(where.to)}`;
  return "";
}

// A bar whose tick is the limit at two thirds of its length, so that being over it is seen at once.
function meterCell(value, limit, width, overClass) {
  const made = element("td");
  if (!isNumber(value)) return Object.assign(made, { textContent: "–", className: "soft" });
  const over = isNumber(limit) && value >= limit;
  const share = isNumber(limit) && limit > 0 ? Math.min(1, Math.max(0, (value / limit) * (2 / 3))) : 0;
  const tick = (2 / 3) * width;
  made.append(
    shape("svg", { class: "meter", width, height: 12, role: "img", "aria-label": `${number(value)} of ${number(limit)}` },
      shape("title", {}, `${number(value)}, limit ${number(limit)}`),
      shape("rect", { y: 2, width, height: 8, rx: 3, class: "track" }),
      shape("rect", { y: 2, width: share * width, height: 8, rx: 3, class: over ? `fill ${overClass}` : "fill" }),
      shape("line", { x1: tick, x2: tick, y1: 0, y2: 12, class: "tick" })),
    number(value, 2));
  return made;
}

// --- shadows

function showShadows(shadows) {
  at("shadows").hidden = shadows.length === 0;
  at("shadow-rows").replaceChildren(...shadows.map(shadowRow));
  const parts = shadows.flatMap((shadow) => (shadow.segments ?? []).slice(0, 3).map((part) =>
    `${shadow.name} differs most where ${part.where.map((cell) => `${cell.feature} ${cell.cell}`).join(" and ")}: `
      + `${percent(part.rate)} of ${count(part.requests)} requests, ${percent(part.rate_elsewhere)} elsewhere`));
  at("shadow-parts").textContent = parts.join(" · ");
}

function shadowRow(shadow) {
  const both = (left, right) => `${left} / ${right}`;
  const cell = (text) => element("td", { className: "number", textContent: text });
  const latency = shadow.latency ?? {}, disagreement = shadow.disagreement ?? {}, errors = shadow.errors ?? {};
  const skipped = Object.entries(shadow.skipped ?? {}).sort((a, b) => b[1] - a[1]).slice(0, 2);
  return element("tr", {},
    element("th", { scope: "row", textContent: shadow.name },
      element("span", { className: "role", textContent: shadow.enabled ? "" : "off" })),
    element("td", {}, element("span", { className: `badge ${shadow.verdict}`, textContent: shadow.verdict })),
    intervalCell((shadow.findings ?? []).find((finding) => finding.name === "agreement"), 120),
    cell(both(percent(disagreement.rate), percent(disagreement.noise))),
    cell(both(count(errors.primary), count(errors.shadow))),
    cell(both(duration(latency.primary_p50_s), duration(latency.shadow_p50_s))),
    cell(both(duration(latency.primary_p99_s), duration(latency.shadow_p99_s))),
    cell(count(shadow.compared)),
    element("td", { textContent: skipped.map(([reason, n]) => `${DROP_WORDS(reason)} ${count(n)}`).join(" · ") || "–" }));
}

// Where the truth lies, on a line from 0 to four margins or to what is known; the tick is the margin.
function intervalCell(finding, width) {
  const made = element("td");
  if (!finding || !isNumber(finding.low) || !isNumber(finding.high)) return Object.assign(made, { textContent: "–", className: "soft" });
  const low = Math.max(0, finding.low), high = Math.max(0, finding.high);
  const end = Math.max(4 * finding.margin, high) || 1;
  const x = (value) => (width * Math.min(value, end)) / end;
  const state = { worse: "over", undecided: "unusual" }[finding.state] ?? "";
  const words = `${percent(low)} to ${percent(high)}, margin ${percent(finding.margin)}`;
  made.append(
    shape("svg", { class: "meter", width, height: 12, role: "img", "aria-label": words },
      shape("title", {}, words),
      shape("rect", { y: 2, width, height: 8, rx: 3, class: "track" }),
      shape("rect", { y: 2, x: x(low), width: Math.max(2, x(high) - x(low)), height: 8, rx: 3, class: `fill ${state}` }),
      shape("line", { x1: x(finding.margin), x2: x(finding.margin), y1: 0, y2: 12, class: "tick" })),
    `${percent(low)} – ${percent(high)}`);
  return made;
}

// --- one feature

function choose(key) {
  view.feature = view.feature === key ? null : key;
  for (const item of document.querySelectorAll("#feature-rows tr")) {
    item.classList.toggle("chosen", item.querySelector("button").dataset.key === view.feature);
  }
  showDetail().then(() => { if (view.feature) at("detail").scrollIntoView({ block: "nearest" }); }, () => {});
}

async function showDetail() {
  const key = view.feature;
  at("detail").hidden = key === null;
  if (key === null) return;
  const [name, role] = JSON.parse(key);
  const query = modelQuery();
  if (role) query.set("role", role);
  const feature = await ask(`/api/v1/features/${encodeURIComponent(name)}?${query}`);
  if (view.feature !== key) return;
  at("detail-title").textContent = `${name} (${role})`;
  const bins = feature?.histogram?.bins ?? [];
  at("detail-note").textContent = bins.length
    ? "Share of rows in each bin of the reference; missing values apart."
    : "There is no histogram of this feature yet.";
  drawHistogram(bins);
  showQuantiles(feature?.quantiles);
}

function drawHistogram(bins) {
  const svg = at("histogram");
  const height = 240, top = 10, bottom = 66, left = 44;
  const step = Math.max(22, Math.min(64, 1080 / Math.max(1, bins.length)));
  const width = left + step * bins.length + 30;
  const sums = { reference: 0, current: 0 };
  for (const bin of bins) for (const side of ["reference", "current"]) sums[side] += bin[side] || 0;
  const share = (bin, side) => (sums[side] ? (bin[side] || 0) / sums[side] : 0);
  const peak = Math.max(0.01, ...bins.flatMap((bin) => [share(bin, "reference"), share(bin, "current")]));
  const y = (value) => top + (height - top - bottom) * (1 - value / peak);
  const parts = [0, 0.5, 1].flatMap((part) => [
    shape("line", { x1: left, x2: width - 30, y1: y(part * peak), y2: y(part * peak) }),
    shape("text", { x: left - 6, y: y(part * peak) + 4, "text-anchor": "end" }, percent(part * peak))]);
  bins.forEach((bin, place) => {
    const x = left + place * step;
    const bar = (0.8 * step) / 2;
    ["reference", "current"].forEach((side, turn) => {
      const value = share(bin, side);
      parts.push(shape("rect", { x: x + 0.1 * step + turn * bar, y: y(value), width: bar, height: y(0) - y(value), class: side },
        shape("title", {}, `${bin.label}: ${side} ${percent(value)} (${count(bin[side])} rows)`)));
    });
    const label = bin.label.length > 14 ? `${bin.label.slice(0, 13)}…` : bin.label;
    const middle = x + step / 2 + 4;
    parts.push(shape("text", { x: middle, y: y(0) + 12, "text-anchor": "end", transform: `rotate(-40 ${middle} ${y(0) + 12})` }, label));
  });
  svg.setAttribute("width", width);
  svg.setAttribute("height", bins.length ? height : 0);
  svg.replaceChildren(...parts);
}

function showQuantiles(quantiles) {
  const names = Object.keys(quantiles?.reference ?? {});
  at("quantiles").hidden = names.length === 0;
  if (names.length === 0) return;
  at("quantile-names").replaceChildren(...["", ...names].map((name) => element("th", { scope: "col", textContent: name })));
  at("quantile-rows").replaceChildren(...["reference", "current"].map((side) => element("tr", {},
    element("th", { scope: "row", textContent: side }),
    ...names.map((name) => element("td", { textContent: number(quantiles[side]?.[name], 4) })))));
}

// --- events

at("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("sidecar-token", at("token").value);
  at("token").value = "";
  at("token-fault").textContent = "checking …";
});
at("model").addEventListener("change", () => { view.model = at("model").value; view.feature = null; });
at("detail-close").addEventListener("click", () => choose(view.feature));
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && view.feature) choose(view.feature); });
setInterval(showFreshness, 1000);
poll();
