// The console of the simulated Discord: be a member, read, write, use commands, click. Whatever comes from the world is
// set as text, never as markup.

const $ = (id) => document.getElementById(id);
const state = { guild: null, channel: null, who: null, members: [], commands: [], failures: [] };
const DIRECT = "dm";

/** An element with properties and children; strings become text nodes. */
function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "class") node.className = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key in node && !key.startsWith("aria")) node[key] = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

async function call(method, path, body) {
  const options = { method, headers: body ? { "content-type": "application/json" } : {} };
  if (body) options.body = JSON.stringify(body);
  const answer = await fetch(`control/${path}`, options);
  const value = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(value?.error ?? `The simulator answered ${answer.status}.`);
  return value;
}

function say(text, wrong = false) {
  $("status").textContent = text;
  $("status").className = wrong ? "error" : "";
}

/** Runs what a person asked for; tells what went wrong, and whether it went well. */
async function attempt(what) {
  say("");
  try {
    await what();
    return true;
  } catch (error) {
    say(error.message, true);
    return false;
  }
}

// ---- Reading the world -------------------------------------------------------------------------------------------

const nameOf = (id) => state.members.find((member) => member.id === id)?.name;

/** Discord's little markup, as nodes: bold, code, mentions, timestamps. */
function rich(text) {
  const box = el("div", { class: "content" });
  const token = /\*\*([^*]+)\*\*|```(?:\w*\n)?([\s\S]*?)```|`([^`]+)`|<@!?(\d+)>|<@&(\d+)>|<#(\d+)>|<t:(-?\d+)(?::\w)?>/g;
  let last = 0;
  for (const match of text.matchAll(token)) {
    box.append(text.slice(last, match.index));
    last = match.index + match[0].length;
    const [, bold, block, code, user, role, channel, time] = match;
    if (bold !== undefined) box.append(el("strong", {}, bold));
    else if (block !== undefined || code !== undefined) box.append(el("code", {}, block ?? code));
    else if (user) box.append(el("span", { class: "mention" }, `@${nameOf(user) ?? user}`));
    else if (role) box.append(el("span", { class: "mention" }, `@${state.guild.roles.find((r) => r.id === role)?.name ?? role}`));
    else if (channel) box.append(el("span", { class: "mention" }, `#${state.guild.channels.find((c) => c.id === channel)?.name ?? channel}`));
    else box.append(el("time", {}, new Date(Number(time) * 1000).toLocaleString()));
  }
  box.append(text.slice(last));
  return box;
}

function embed(data) {
  const box = el("div", { class: "embed" });
  if (data.color) box.style.borderColor = `#${data.color.toString(16).padStart(6, "0")}`;
  if (data.author?.name) box.append(el("small", {}, data.author.name));
  if (data.title) box.append(el("strong", {}, data.title));
  if (data.description) box.append(rich(data.description));
  if (data.fields?.length) {
    box.append(el("dl", { class: "fields" }, ...data.fields.map((field) =>
      el("div", {}, el("dt", {}, field.name), el("dd", {}, rich(field.value))))));
  }
  if (data.footer?.text) box.append(el("small", {}, data.footer.text));
  return box;
}

const STYLES = { 1: "primary", 3: "success", 4: "danger" };

function component(message, data) {
  if (data.type === 2) {
    const label = data.label ?? data.emoji?.name ?? "button";
    const click = () => act("click", { user: state.who, channel: message.channel, message: message.id, custom_id: data.custom_id });
    return el("button", { type: "button", class: STYLES[data.style], disabled: data.disabled || data.style === 5, onclick: click }, label);
  }
  const choices = data.type === 3 ? data.options.map((option) => [option.value, option.label])
    : data.type === 5 ? state.members.map((member) => [member.id, member.name])
    : data.type === 6 ? state.guild.roles.map((role) => [role.id, role.name])
    : state.guild.channels.map((channel) => [channel.id, `#${channel.name}`]);
  const many = (data.max_values ?? 1) > 1;
  const menu = el("select", { multiple: many, disabled: data.disabled, "aria-label": data.placeholder ?? "Choose" });
  if (!many) menu.append(el("option", { value: "" }, data.placeholder ?? "Choose…"));
  menu.append(...choices.map(([value, label]) => el("option", { value }, label)));
  const send = () => {
    const values = [...menu.selectedOptions].map((option) => option.value).filter(Boolean);
    if (values.length) act("select", { user: state.who, channel: message.channel, message: message.id, custom_id: data.custom_id, values });
  };
  if (!many) menu.addEventListener("change", send);
  return el("span", { class: "row" }, menu, many ? el("button", { type: "button", onclick: send }, "Choose") : null);
}

function messageNode(message) {
  const time = new Date(message.created_at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const marks = [message.author_is_bot && "bot", time, message.edits && "edited", message.ephemeral && "only you see this"].filter(Boolean);
  const node = el("li", { class: `message${message.ephemeral ? " ephemeral" : ""}` },
    el("div", {}, el("span", { class: "author" }, message.author_name), " ", el("small", {}, marks.join(" · "))),
    message.loading ? el("em", {}, `${message.author_name} is thinking…`) : null,
    message.content ? rich(message.content) : null,
    ...message.embeds.map(embed));
  for (const row of message.components) {
    node.append(el("div", { class: "row" }, ...(row.components ?? []).map((data) => component(message, data))));
  }
  return node;
}

function chip(role) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 10 10");
  svg.setAttribute("aria-hidden", "true");
  const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  for (const [key, value] of [["cx", 5], ["cy", 5], ["r", 5]]) dot.setAttribute(key, value);
  dot.setAttribute("fill", role.color ? `#${role.color.toString(16).padStart(6, "0")}` : "currentColor");
  svg.append(dot);
  return el("span", { class: "chip" }, svg, role.name);
}

/** Replaces the children only if they would look different, so that a menu in use stays open. */
function show(parent, key, nodes) {
  const shown = JSON.stringify(key);
  if (parent.dataset.shown === shown) return false;
  parent.dataset.shown = shown;
  parent.replaceChildren(...nodes());
  return true;
}

async function refresh() {
  const [guilds, bot, violations] = await Promise.all([call("GET", "guilds"), call("GET", "bot"), call("GET", "violations")]);
  state.guild = guilds[0];
  state.members = await call("GET", `guilds/${state.guild.id}/members`);
  const people = state.members.filter((member) => !member.bot);
  if (!people.some((member) => member.id === state.who)) state.who = people[0]?.id;
  if (state.channel !== DIRECT && !state.guild.channels.some((channel) => channel.id === state.channel)) {
    state.channel = state.guild.channels[0]?.id;
  }
  $("guild").textContent = state.guild.name;
  const connected = bot.interactions_endpoint || bot.sessions.some((session) => session.connected);
  const broken = violations.length ? ` · ${violations.length} broken rule${violations.length > 1 ? "s" : ""}` : "";
  $("bot").textContent = (connected ? "The bot is connected" : "The bot is not connected") + broken;
  $("bot").className = `badge ${connected && !broken ? "good" : "bad"}`;
  $("bot").title = violations.map((violation) => `${violation.place}: ${violation.what}`).join("\n");
  show($("who"), people.map((member) => [member.id, member.name]), () => people.map((member) => el("option", { value: member.id }, member.name)));
  $("who").value = state.who;
  const places = [...state.guild.channels.map((channel) => [channel.id, `# ${channel.name}`]), [DIRECT, "Direct messages"]];
  show($("channels"), [places, state.channel], () => places.map(([id, name]) =>
    el("li", {}, el("button", { type: "button", "aria-current": id === state.channel ? "true" : null, onclick: () => go(id) }, name))));
  $("place").textContent = places.find(([id]) => id === state.channel)?.[1] ?? "";
  $("count").textContent = `(${state.members.length})`;
  show($("members"), state.members, () => state.members.map((member) =>
    el("li", {}, el("div", {}, member.name, member.nick ? ` (${member.nick})` : "", " ",
      el("small", { class: "note" }, [member.owner && "owner", member.bot && "bot"].filter(Boolean).join(", "))),
    el("div", { class: "chips" }, ...member.roles.map(chip)))));
  showCommands(bot.commands.filter((command) => (command.type ?? 1) === 1));
  await showMessages();
}

async function showMessages() {
  const path = state.channel === DIRECT ? `users/${state.who}/messages` : `channels/${state.channel}/messages?seen_by=${state.who}`;
  const messages = (await call("GET", path)).slice(-200);
  const list = $("messages");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  const failures = state.failures.filter((failure) => failure.who === state.who && failure.channel === state.channel);
  const key = [messages, failures, state.who, state.channel];
  const changed = show(list, key, () => [
    ...messages.map(messageNode),
    ...failures.map((failure) => el("li", { class: "message ephemeral error" }, failure.text)),
  ]);
  if (changed && atEnd) list.scrollTop = list.scrollHeight;
}

function go(channel) {
  state.channel = channel;
  attempt(refresh);
}

// ---- Commands ----------------------------------------------------------------------------------------------------

/** Every usable command path with its options: groups and subcommands are spelled out. */
function paths(command) {
  const walk = (options, path) => {
    const nests = (options ?? []).filter((option) => option.type <= 2);
    if (!nests.length) return [{ path, options: options ?? [], description: "" }];
    return nests.flatMap((nest) => walk(nest.options, `${path} ${nest.name}`).map((leaf) => ({ ...leaf, description: leaf.description || nest.description })));
  };
  return walk(command.options, command.name).map((leaf) => ({ ...leaf, description: leaf.description || command.description }));
}

function showCommands(commands) {
  state.commands = commands.flatMap(paths).sort((a, b) => a.path.localeCompare(b.path));
  const chosen = $("command").value;
  const fresh = show($("command"), state.commands, () => [
    el("option", { value: "" }, state.commands.length ? "Choose a command…" : "The bot has registered no commands"),
    ...state.commands.map((command) => el("option", { value: command.path }, `/${command.path}: ${command.description}`)),
  ]);
  if (!fresh) return;
  $("slash").replaceChildren(...state.commands.map((command) => el("option", { value: `/${command.path}` }, command.description)));
  $("command").value = state.commands.some((command) => command.path === chosen) ? chosen : "";
  showOptions();
}

const KINDS = { 3: "text", 4: "whole number", 5: "yes or no", 6: "member", 7: "channel", 8: "role", 9: "member or role", 10: "number" };

/** The field for an option: `{label, read}`, where `read` gives the value or undefined. */
function field(command, option, readAll) {
  let input;
  const choose = (pairs) => el("select", { required: option.required }, el("option", { value: "" }, option.required ? "Choose…" : "–"),
    ...pairs.map(([value, text]) => el("option", { value }, text)));
  let read = () => (input.value === "" ? undefined : input.value);
  if (option.choices?.length) {
    input = choose(option.choices.map((choice, index) => [String(index), choice.name]));
    read = () => (input.value === "" ? undefined : option.choices[Number(input.value)].value);
  } else if (option.type === 5) {
    input = choose([["true", "Yes"], ["false", "No"]]);
    read = () => (input.value === "" ? undefined : input.value === "true");
  } else if ([6, 7, 8, 9].includes(option.type)) {
    const people = state.members.map((member) => [member.id, member.name]);
    const roles = state.guild.roles.map((role) => [role.id, `@${role.name}`]);
    const channels = state.guild.channels.map((channel) => [channel.id, `#${channel.name}`]);
    input = choose({ 6: people, 7: channels, 8: roles, 9: [...people, ...roles] }[option.type]);
  } else {
    const number = option.type === 4 || option.type === 10;
    input = el("input", {
      required: option.required, type: number && !option.autocomplete ? "number" : "text", step: option.type === 10 ? "any" : undefined,
      min: option.min_value ?? undefined, max: option.max_value ?? undefined,
      minLength: option.min_length ?? undefined, maxLength: option.max_length ?? undefined,
    });
    let offered = [];
    read = () => {
      if (input.value === "") return undefined;
      const choice = offered.find((choice) => choice.name === input.value);
      return choice ? choice.value : number ? Number(input.value) : input.value;
    };
    if (option.autocomplete) {
      const list = el("datalist", { id: `complete-${option.name}` });
      input.setAttribute("list", list.id);
      let timer;
      const complete = () => attempt(async () => {
        const options = { ...readAll(), [option.name]: input.value };
        const body = { guild: state.guild.id, user: state.who, channel: state.channel, command: command.path, options, focused: option.name };
        const asked = await call("POST", "autocomplete", body);
        const answered = await settled(asked, (view) => view.state !== "waiting");
        if (answered.state !== "choices") return;
        offered = answered.choices;
        list.replaceChildren(...offered.map((choice) => el("option", { value: choice.name })));
      });
      input.addEventListener("input", () => {
        clearTimeout(timer);
        if (!offered.some((choice) => choice.name === input.value)) timer = setTimeout(complete, 200);
      });
      input.addEventListener("focus", () => { if (!offered.length) complete(); });
      const label = el("label", {}, el("span", { class: option.required ? "required" : "" }, option.name), input, list,
        el("span", { class: "note" }, `${option.description} (suggestions appear as you type)`));
      return { label, read };
    }
  }
  const label = el("label", {}, el("span", { class: option.required ? "required" : "" }, option.name), input,
    el("span", { class: "note" }, `${option.description} (${KINDS[option.type] ?? "value"})`));
  return { label, read };
}

function showOptions() {
  const form = $("options");
  const command = state.commands.find((command) => command.path === $("command").value);
  form.hidden = !command;
  form.onsubmit = null;
  if (!command) return form.replaceChildren();
  let fields = [];
  const readAll = () => Object.fromEntries(fields.map(({ name, read }) => [name, read()]).filter(([, value]) => value !== undefined));
  fields = command.options.map((option) => ({ name: option.name, ...field(command, option, readAll) }));
  form.replaceChildren(el("strong", {}, `/${command.path}`), ...fields.map((field) => field.label),
    el("div", { class: "row" }, el("button", { class: "primary" }, "Use the command")));
  form.onsubmit = async (event) => {
    event.preventDefault();
    if (state.channel === DIRECT) return say("Commands are used in a channel.", true);
    const body = { guild: state.guild.id, user: state.who, channel: state.channel, command: command.path, options: readAll() };
    if (!(await act("interactions", body))) return;
    $("command").value = "";
    showOptions();
  };
}

// ---- Doing things ------------------------------------------------------------------------------------------------

/** Follows an interaction until `done`. */
async function settled(view, done) {
  while (!done(view)) view = await call("GET", `interactions/${view.id}?after=${view.revision}&wait=20000`);
  return view;
}

function act(path, body) {
  return attempt(async () => {
    const place = { who: state.who, channel: state.channel };
    const view = await settled(await call("POST", path, body), (view) => view.state !== "waiting");
    if (view.state === "expired") {
      state.failures.push({ ...place, text: `The application did not respond to ${view.name}. ${view.history.join("; ")}` });
    }
    if (view.state === "modal") openModal(view);
    await showMessages();
  });
}

function openModal(view) {
  const dialog = $("modal");
  $("modal-title").textContent = view.modal.title;
  const inputs = view.modal.components.map((row) => ({ label: row.label, ...(row.component ?? row.components[0]) }));
  const fields = inputs.map((data) => [data.custom_id, el(data.style === 2 ? "textarea" : "input", {
    required: data.required !== false, value: data.value ?? "", placeholder: data.placeholder ?? "",
    minLength: data.min_length ?? undefined, maxLength: data.max_length ?? 4000,
  })]);
  $("modal-inputs").replaceChildren(...inputs.map((data, index) => el("label", {}, data.label, fields[index][1])));
  dialog.onclose = () => {
    if (dialog.returnValue !== "send") return;
    act("modal", { interaction: view.id, values: Object.fromEntries(fields.map(([id, input]) => [id, input.value])) });
  };
  dialog.returnValue = "";
  dialog.showModal();
}

$("who").addEventListener("change", () => {
  state.who = $("who").value;
  attempt(refresh);
});

$("command").addEventListener("change", showOptions);

$("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text) return;
  const wanted = text.startsWith("/") && state.commands.find((command) => command.path === text.slice(1).trim());
  if (wanted) {
    $("command").value = wanted.path;
    $("text").value = "";
    showOptions();
    $("options").querySelector("input, select, button")?.focus();
    return;
  }
  if (text.startsWith("/")) return say(`There is no command ${text}. Choose one from the list.`, true);
  if (state.channel === DIRECT) return say("Writing to the bot directly is not simulated.", true);
  attempt(async () => {
    await call("POST", `channels/${state.channel}/messages`, { user: state.who, content: text });
    $("text").value = "";
  });
});

$("join").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    const member = await call("POST", `guilds/${state.guild.id}/members`, { name: $("newcomer").value.trim() });
    $("newcomer").value = "";
    say(`${member.name} joined.`);
  });
});

/** Shows the world now, and again whenever it changes. */
async function watch() {
  let revision = null;
  for (;;) {
    try {
      const wait = revision === null ? "" : `?after=${revision}&wait=25000`;
      revision = await call("GET", `revision${wait}`);
      await refresh();
      // Bursts of changes are shown together.
      await new Promise((done) => setTimeout(done, 150));
    } catch (error) {
      revision = null;
      $("bot").textContent = "The simulator does not answer; trying again…";
      $("bot").className = "badge bad";
      await new Promise((done) => setTimeout(done, 2000));
    }
  }
}

watch();
