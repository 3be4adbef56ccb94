// The simulator's page: shows one chat at a time and posts what is written or tapped.
// Everything people or the bot wrote goes into the page as text nodes, never as markup.

const data = JSON.parse(document.getElementById("data").textContent);
const people = new Map(data.people.map((person) => [person.key, person]));
const zoneLetters = new Map(data.zones);
const POLL_MS = 1500;
const SEEN = "tautan-simulator-seen";

const state = {
  person: null,
  last: 0, // id of the newest message shown
  lastDay: "",
  newest: data.newest,
  seen: readSeen(),
  quote: null, // {sid, text} of the message to be quoted
  shown: new Map(), // sid -> message, for quotes
  busy: false,
  offset: 0, // business time minus this browser's time
};

const $ = (id) => document.getElementById(id);

function el(tag, props = {}, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

function english(text) {
  return text ? el("span", { lang: "en" }, text) : "";
}

// --- what the bot wrote: *bold*, _italic_, ~struck~ and ```fixed```, as WhatsApp shows it -------

const FORMAT = new RegExp([
  /```([^`]+)```/,
  /(?<![\p{L}\p{N}])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\p{L}\p{N}])/u,
  /(?<![\p{L}\p{N}])_(?=\S)([^_\n]+?)(?<=\S)_(?![\p{L}\p{N}])/u,
  /(?<![\p{L}\p{N}])~(?=\S)([^~\n]+?)(?<=\S)~(?![\p{L}\p{N}])/u,
].map((one) => one.source).join("|"), "gu");
const TAGS = ["code", "strong", "em", "s"]; // one for each group of FORMAT

function formatted(text) {
  const parts = document.createDocumentFragment();
  let end = 0;
  for (const match of text.matchAll(FORMAT)) {
    parts.append(text.slice(end, match.index));
    const index = match.slice(1).findIndex((inner) => inner !== undefined);
    const inner = match[index + 1];
    parts.append(el(TAGS[index], {}, index === 0 ? inner : formatted(inner)));
    end = match.index + match[0].length;
  }
  parts.append(text.slice(end));
  return parts;
}

// --- time ---------------------------------------------------------------------------------------

const formats = new Map();

function inZone(iso, zone, options) {
  const key = zone + JSON.stringify(options);
  if (!formats.has(key)) {
    formats.set(key, new Intl.DateTimeFormat("id-ID", { timeZone: zone, ...options }));
  }
  return formats.get(key).format(new Date(iso));
}

const hour = (iso, zone) =>
  inZone(iso, zone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).replace(":", ".");
const clock = (iso, zone) => `${hour(iso, zone)} ${zoneLetters.get(zone) ?? zone}`;
const day = (iso, zone) =>
  inZone(iso, zone, { weekday: "long", day: "numeric", month: "long", year: "numeric" });

function setNow(iso) {
  state.offset = Date.parse(iso) - Date.now();
  showClock();
}

function showClock() {
  const now = new Date(Date.now() + state.offset).toISOString();
  const [home, ...others] = data.zones;
  $("clock-day").textContent = inZone(now, home[0], {
    weekday: "short", day: "numeric", month: "short", year: "numeric",
  });
  $("clock-time").textContent = clock(now, home[0]);
  $("clock-zones").textContent = others.map(([zone]) => clock(now, zone)).join(" · ");
}

// --- people -------------------------------------------------------------------------------------

function readSeen() {
  try {
    return JSON.parse(sessionStorage.getItem(SEEN)) ?? {};
  } catch {
    return {};
  }
}

function markSeen() {
  state.seen[state.person.key] = state.last;
  try {
    sessionStorage.setItem(SEEN, JSON.stringify(state.seen));
  } catch {
    // Private windows may refuse; the marks then last as long as the page.
  }
}

function initials(name) {
  const words = name.split(/\s+/).filter((word) => /^\p{L}/u.test(word));
  return words.length > 1 ? words[0][0] + words[1][0] : name.slice(0, 2);
}

function avatar(person) {
  const node = el("span", { className: "avatar", ariaHidden: "true" }, initials(person.name));
  node.dataset.group = person.group;
  return node;
}

function personLink(person) {
  const news = person.leading && (state.newest[person.key] ?? 0) > (state.seen[person.key] ?? 0);
  const current = state.person?.key === person.key;
  const link = el(
    "a",
    { className: "person", href: `#${person.key}` },
    avatar(person),
    el("span", {},
      el("span", { className: "name" }, person.name),
      el("span", { className: "line" }, person.line, person.leading ? english(person.lineEn) : ""),
    ),
    news && !current ? el("span", { className: "badge" }, "baru") : "",
  );
  if (current) link.setAttribute("aria-current", "true");
  return el("li", {}, link);
}

let peopleShown = "";

function showPeople() {
  const shape = JSON.stringify([state.newest, state.seen, state.person?.key]);
  if (shape === peopleShown) return;
  peopleShown = shape;
  const focused = document.activeElement?.getAttribute?.("href");
  const leading = data.people.filter((person) => person.leading);
  const others = data.people
    .filter((person) => !person.leading && person.key in state.newest)
    .sort((a, b) => state.newest[b.key] - state.newest[a.key]);
  $("people").replaceChildren(...leading.map(personLink));
  $("others").hidden = others.length === 0;
  $("others-count").textContent = others.length ? `(${others.length})` : "";
  $("others-list").replaceChildren(...others.map(personLink));
  if (focused?.startsWith("#")) {
    document.querySelector(`.person[href="${CSS.escape(focused).replace("\\#", "#")}"]`)?.focus();
  }
}

// --- one chat -----------------------------------------------------------------------------------

function open(key) {
  const person = people.get(key) ?? null;
  state.person = person;
  state.last = 0;
  state.lastDay = "";
  state.shown.clear();
  setQuote(null);
  $("app").dataset.view = person ? "chat" : "people";
  $("log").replaceChildren();
  $("intro").replaceChildren();
  $("foot").hidden = person === null;
  if (person) {
    document.title = `${person.name} – Simulator Tautan`;
    const face = avatar(person);
    face.id = "chat-avatar";
    $("chat-avatar").replaceWith(face);
    $("chat-name").textContent = person.name;
    $("chat-line").replaceChildren(person.line, " ", english(person.lineEn));
    $("chat-address").textContent = person.address;
    $("quick").replaceChildren(...startButtons(person, false), ...quickWords(person));
    refresh();
  } else {
    document.title = "Simulator – Tautan";
    $("chat-name").textContent = "Pilih seseorang";
    for (const id of ["chat-line", "chat-address", "chat-avatar"]) $(id).textContent = "";
    $("intro").append(el("div", { className: "card" },
      el("h3", {}, "Bicaralah sebagai salah satu orang rekaan"),
      el("p", {}, "Pilih nama di daftar, lalu balas seperti di WhatsApp."),
      el("p", {}, english("Pick a name, then reply as you would on WhatsApp.")),
    ));
  }
  showPeople();
}

function quickWords(person) {
  return person.quick.map((word) =>
    el("button", { type: "button", onclick: () => post({ text: word }) }, word));
}

function startButtons(person, withEnglish) {
  return person.starts.map((start) =>
    el("button", { type: "button", className: "start", onclick: () => post({ text: start.text }) },
      start.label, withEnglish ? english(start.labelEn) : ""));
}

function showIntro() {
  const person = state.person;
  $("intro").replaceChildren(el("div", { className: "card" },
    el("h3", {}, `Anda sekarang ${person.name}`),
    el("p", {}, person.line),
    el("p", {}, english(person.lineEn)),
    ...startButtons(person, true),
    data.canMove ? el("p", { className: "hint" }, "Belum ada pesan. Majukan waktu untuk menerimanya. ",
      english("No messages yet: move time forward to get some.")) : "",
  ));
}

const KIND_WORDS = {
  media: "🖼 Gambar atau pesan suara",
  edited: "✎ Pesan yang diedit",
  location: "📍 Lokasi",
  contact: "👤 Kontak",
  reaction: "👍 Reaksi",
};

function bubble(message) {
  state.shown.set(message.sid, message);
  const zone = state.person.zone;
  const node = el("li", { className: "bubble" });
  node.classList.toggle("mine", message.mine);
  node.classList.toggle("failed", message.error !== null);
  node.classList.toggle("media", message.kind !== "text");
  node.append(
    el("span", { className: "hidden" }, message.mine ? "Anda: " : "Survei: "),
    message.template ? el("span", { className: "tag" }, `Templat · ${message.template}`) : "",
  );
  if (message.template) node.append(el("br"));
  const quoted = message.mine ? state.shown.get(message.replyTo) : undefined;
  const choice = quoted?.choices.find(([value]) => value === message.text);
  const button = [...(quoted?.buttons ?? []), ...(quoted?.taps?.options ?? [])]
    .some(([, label]) => label === message.text);
  if (quoted && message.kind === "text" && !choice && !button) {
    node.append(el("div", { className: "quoted" }, quoted.text));
  }
  if (message.attachment) node.append(file(message));
  const text = message.kind === "text" ? formatted(message.text) : KIND_WORDS[message.kind] ?? message.kind;
  node.append(el("div", { className: "text" }, text,
    choice ? el("span", { className: "picked" }, ` ${choice[1]}`) : ""));
  if (message.choices.length && message.taps) {
    // What is tapped stands below; the text has the numbers all the same.
    node.append(el("div", { className: "text" },
      message.choices.map(([value, label]) => `${value}. ${label}`).join("\n")));
  } else if (message.choices.length) {
    // A tap is a quoted reply with the number: it says which question it answers.
    node.append(el("div", { className: "choices" }, ...message.choices.map(([value, label]) =>
      el("button", { type: "button", onclick: () => post({ text: value, quote: message.sid }) },
        el("b", {}, value), el("span", {}, label)))));
  }
  if (message.footer) node.append(el("div", { className: "footer" }, formatted(message.footer)));
  if (message.taps) {
    const rows = el("div", { className: "buttons" }, ...message.taps.options.map(([value, label]) =>
      el("button", {
        type: "button",
        onclick: () => post({ text: label, option: value, quote: message.sid }),
      }, label)));
    node.append(message.taps.label
      ? el("details", { className: "list" }, el("summary", {}, `☰ ${message.taps.label}`), rows)
      : rows);
  } else if (message.buttons.length && !message.choices.length) {
    node.append(el("div", { className: "buttons" }, ...message.buttons.map(([value, label]) =>
      el("button", { type: "button", onclick: () => post(tap(message, value, label)) }, label))));
  }
  if (message.error !== null) {
    const why = data.refusals[message.error] ?? "";
    node.append(el("div", { className: "why" }, `Tidak terkirim (${message.error}) `, english(why)));
  }
  node.append(el("div", { className: "meta" },
    message.mine || message.error !== null ? "" : el("button", {
      type: "button", className: "reply-to", onclick: () => setQuote(message),
    }, "Balas"),
    el("time", { dateTime: message.at }, clock(message.at, zone)),
    message.mine ? el("span", { ariaHidden: "true" }, "✓✓") : "",
  ));
  return node;
}

// A picture stands above its caption, as in WhatsApp; the caption says what it shows.
function file(message) {
  const { kind, name } = message.attachment;
  const href = `/simulator/${encodeURIComponent(state.person.key)}/files/${message.id}`;
  if (kind === "audio") return el("audio", { src: href, controls: true, preload: "none", title: name });
  const shown = kind === "image"
    ? el("img", { src: href, alt: "", loading: "lazy" })
    : el("span", {}, `📄 ${name}`);
  return el("a", { className: "file", href, target: "_blank", rel: "noopener", title: name }, shown);
}

// Only a template has real buttons; those of a text are a short way to write the word.
function tap(message, value, label) {
  return message.template
    ? { text: label, option: value, quote: message.sid }
    : { text: label, quote: message.sid };
}

function append(messages) {
  const log = $("log");
  const fresh = state.last > 0;
  for (const message of messages) {
    if (message.id <= state.last) continue;
    const today = day(message.at, state.person.zone);
    if (today !== state.lastDay) {
      log.append(el("li", { className: "day" }, el("span", {}, today)));
      state.lastDay = today;
    }
    if (message.mine) log.querySelectorAll(".bubble:not(.past)").forEach((b) => b.classList.add("past"));
    const node = bubble(message);
    if (fresh) node.classList.add("fresh");
    log.append(node);
    state.last = message.id;
  }
  if (state.last === 0) showIntro();
  else $("intro").replaceChildren();
  if (messages.length) {
    $("scroll").scrollTop = $("scroll").scrollHeight;
    markSeen();
  }
}

function setQuote(message) {
  state.quote = message;
  $("quote").hidden = message === null;
  $("quote-text").textContent = message ? message.text : "";
  if (message) $("text").focus();
}

// --- talking to the server ----------------------------------------------------------------------

function trouble(text) {
  $("trouble").hidden = !text;
  $("trouble").textContent = text ?? "";
}

async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST",
    headers: { "Content-Type": "application/json", [data.tokenHeader]: data.token },
    body: JSON.stringify(body),
  };
  const answer = await fetch(`/simulator/${path}`, options);
  if (answer.status === 403) throw new Error("Server dimulai ulang; muat ulang halaman ini. (The server was restarted: reload this page.)");
  if (!answer.ok) throw new Error(`Server menjawab ${answer.status}; lihat log di terminal. (See the log in the terminal.)`);
  return answer.json();
}

let asked = 0;

async function refresh() {
  const person = state.person;
  if (!person) return;
  const turn = ++asked;
  try {
    const news = await ask(`${person.key}/messages?after=${state.last}`);
    if (turn !== asked || person !== state.person) return; // a newer look is under way
    state.newest = news.newest;
    setNow(news.now);
    append(news.messages);
    showPeople();
    trouble(null);
  } catch (error) {
    trouble(error instanceof TypeError ? "Server tidak terjangkau. (The server cannot be reached.)" : error.message);
  }
}

async function post(body) {
  if (!state.person || state.busy) return;
  state.busy = true;
  const quote = state.quote?.sid;
  setQuote(null);
  try {
    await ask(state.person.key, { quote, ...body });
    await refresh();
  } catch (error) {
    trouble(error.message);
  } finally {
    state.busy = false;
  }
}

async function advance(button) {
  const buttons = document.querySelectorAll("[data-advance]");
  buttons.forEach((one) => { one.disabled = true; });
  $("clock-sent").textContent = "Memutar waktu …";
  try {
    const moved = await ask("clock", { advance: button.dataset.advance });
    setNow(moved.now);
    const total = Object.values(moved.sent).reduce((sum, count) => sum + count, 0);
    const names = Object.keys(moved.sent).filter((key) => people.get(key)?.leading)
      .map((key) => people.get(key).name);
    $("clock-sent").textContent = total === 0
      ? "Tidak ada pesan baru."
      : `${total} pesan baru${names.length ? `: ${names.join(", ")}` : ""}.`;
    for (const key of Object.keys(moved.sent)) state.newest[key] = Math.max(state.newest[key] ?? 0, (state.seen[key] ?? 0) + 1);
    if (state.person) await refresh();
    else showPeople();
  } catch (error) {
    $("clock-sent").textContent = "";
    trouble(error.message);
  } finally {
    buttons.forEach((one) => { one.disabled = false; });
    button.focus();
  }
}

// --- wiring -------------------------------------------------------------------------------------

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = $("text");
  const text = field.value;
  if (!text.trim()) return;
  field.value = "";
  post({ text });
});
$("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("composer").requestSubmit();
  }
});
$("quote-drop").addEventListener("click", () => setQuote(null));
document.querySelectorAll("[data-kind]").forEach((button) => button.addEventListener("click", () => {
  $("attach").open = false;
  post({ kind: button.dataset.kind });
}));
document.querySelectorAll("[data-advance]").forEach((button) =>
  button.addEventListener("click", () => advance(button)));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  $("attach").open = false;
  setQuote(null);
});

const fromHash = () => open(decodeURIComponent(location.hash.slice(1)));
window.addEventListener("hashchange", fromHash);
setNow(data.now);
setInterval(showClock, 1000);
setInterval(() => {
  if (!document.hidden && !state.busy) refresh();
}, POLL_MS);
fromHash();
