// A list of runs as a real table: names are links, rows can be chosen, hidden and pinned, columns can be sorted.
// Every text is set as text, never as HTML. What a reader does goes to Python as a trigger: open, choose, hide, rename, sort.

const SIGNS = {
  running: ["play_circle", "running"],
  finished: ["check_circle", "finished"],
  failed: ["error", "failed"],
  interrupted: ["pause_circle", "interrupted"],
  lost: ["help", "lost"],
};

function element(tag, classes, text) {
  const made = document.createElement(tag);
  if (classes) made.className = classes;
  if (text !== undefined && text !== null) made.textContent = text;
  return made;
}

// A name breaks between its parts, never within 3e-4; a part that is longer than a line breaks where it must.
function parts(name) {
  const made = (part) => element("span", part.length > 24 ? "" : "run-part", part);
  return name.split(" · ").flatMap((part, number) => [...(number ? [" · "] : []), made(part)]);
}

function icon(name, label) {
  const sign = element("span", "run-icon", name);
  sign.setAttribute("role", label ? "img" : "presentation");
  if (label) sign.setAttribute("aria-label", label);
  else sign.setAttribute("aria-hidden", "true");
  return sign;
}

function button(classes, label, symbol, pressed, act) {
  const made = element("button", classes);
  made.type = "button";
  made.title = label;
  made.setAttribute("aria-label", label);
  if (pressed !== null) made.setAttribute("aria-pressed", String(pressed));
  made.append(icon(symbol));
  made.onclick = act;
  return made;
}

function spark(points, color) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  made.setAttribute("viewBox", "0 0 100 24");
  made.setAttribute("preserveAspectRatio", "none");
  made.setAttribute("class", "run-spark");
  made.setAttribute("aria-hidden", "true");
  const low = Math.min(...points), span = Math.max(...points) - low || 1;
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  const across = 100 / Math.max(points.length - 1, 1);
  line.setAttribute("points", points.map((y, i) => `${(i * across).toFixed(1)},${(22 - 20 * (y - low) / span).toFixed(1)}`).join(" "));
  line.setAttribute("fill", "none");
  line.setAttribute("stroke", color || "currentColor");
  line.setAttribute("stroke-width", "1.5");
  line.setAttribute("vector-effect", "non-scaling-stroke");
  made.append(line);
  return made;
}

function filled(cell, kind, value, color, act) {
  if (value === null && kind === "progress") cell.textContent = "–"; // a job that says neither how far it is nor how long
  if (value === null || value === undefined) return;
  if (kind === "status") {
    const [symbol, label] = SIGNS[value] || ["help", value];
    cell.classList.add("run-status", `run-${value}`);
    cell.title = label;
    cell.append(icon(symbol), element("span", "", label));
  } else if (kind === "tags") {
    value.forEach((tag) => cell.append(element("span", "run-tag", tag)));
  } else if (kind === "spark") {
    if (value.length > 1) cell.append(spark(value, color));
  } else if (kind === "progress") {
    const bar = element("progress", "");
    bar.max = 1;
    bar.value = value;
    bar.setAttribute("aria-label", "progress");
    cell.append(bar, element("span", "", `${Math.floor(100 * value)} %`));
  } else if (typeof value === "object") {
    cell.title = value.title || "";
    if (value.open && act) {
      const opener = element("button", "run-cell", value.text);
      opener.type = "button";
      opener.title = value.title || "";
      opener.setAttribute("aria-label", `${value.label || ""} ${value.text}: ${value.title || ""}`.trim());
      opener.dataset.focus = `cell ${value.open}`;
      opener.onclick = () => act(value.open);
      cell.append(opener);
    } else cell.textContent = value.text;
  } else {
    cell.textContent = value;
  }
}

/** Put a field in the place of a name: Enter gives the run the name in it, Escape and the way elsewhere leave the old. */
function rename(row, link, tell) {
  const field = element("input", "run-rename");
  field.value = row.name;
  field.placeholder = "its parameters name it again";
  field.setAttribute("aria-label", `Name of ${row.name}`);
  const close = () => {
    field.onblur = null; // a field that goes loses its focus
    field.replaceWith(link);
    link.focus();
  };
  field.onblur = close;
  field.onkeydown = (event) => {
    event.stopPropagation(); // letters in it are no shortcuts of the page
    if (event.key === "Enter" && field.value.trim() !== row.name) tell({ id: row.id, name: field.value });
    if (event.key === "Enter" || event.key === "Escape") close();
  };
  link.replaceWith(field);
  field.select();
}

/** Open a page of the dashboard as the browser's Back does. `st.switch_page` would race with a page that runs by itself
 * every second or two: a run asked for by the old page after the new one was made leaves the new one empty. */
function go(address) {
  history.pushState(null, "", address);
  window.dispatchEvent(new PopStateEvent("popstate"));
}

export default function ({ data, parentElement, setTriggerValue }) {
  if (parentElement.querySelector(".run-rename")) return; // news wait until the name is written
  const focused = document.activeElement && parentElement.contains(document.activeElement)
    ? document.activeElement.dataset.focus : null;
  parentElement.querySelector(".run-list")?.remove();
  const frame = element("div", ["run-list", data.compact ? "run-compact" : "", data.tall ? "run-tall" : ""].join(" ").trim());
  const table = element("table");
  table.setAttribute("aria-label", data.label);
  const chosen = new Set(data.rows.filter((row) => row.chosen).map((row) => row.id));
  const choose = () => setTriggerValue("choose", { ids: [...chosen], among: data.rows.map((row) => row.id) });

  const head = element("tr");
  if (data.choose) {
    const all = element("input");
    all.type = "checkbox";
    all.checked = chosen.size === data.rows.length && chosen.size > 0;
    all.indeterminate = chosen.size > 0 && chosen.size < data.rows.length;
    all.setAttribute("aria-label", "Choose all");
    all.dataset.focus = "all";
    all.onchange = () => {
      data.rows.forEach((row) => (all.checked ? chosen.add(row.id) : chosen.delete(row.id)));
      choose();
    };
    const cell = element("th", "run-choose");
    cell.append(all);
    head.append(cell);
  }
  [{ id: "", title: data.heading, sort: data.sortable ? "name" : null }, ...data.columns].forEach((column) => {
    const cell = element("th", column.kind === "number" ? "run-number" : "");
    cell.scope = "col";
    const on = column.sort && data.sort && data.sort.column === column.sort;
    if (column.sort) {
      const sorter = element("button", "run-sort", column.title);
      sorter.type = "button";
      sorter.dataset.focus = `sort ${column.sort}`;
      if (on) sorter.append(icon(data.sort.ascending ? "arrow_upward" : "arrow_downward"));
      sorter.onclick = () => setTriggerValue("sort", column.sort);
      cell.append(sorter);
    } else cell.textContent = column.title;
    if (column.help) cell.title = column.help;
    if (on) cell.setAttribute("aria-sort", data.sort.ascending ? "ascending" : "descending");
    head.append(cell);
  });
  const top = element("thead");
  top.append(head);
  table.append(top);

  const body = element("tbody");
  data.rows.forEach((row) => {
    const line = element("tr", [row.chosen ? "run-chosen" : "", row.hidden ? "run-hidden" : "", row.pinned ? "run-pinned" : ""].join(" "));
    if (data.choose) {
      const box = element("input");
      box.type = "checkbox";
      box.checked = Boolean(row.chosen);
      box.setAttribute("aria-label", `Choose ${row.name}`);
      box.dataset.focus = `box ${row.id}`;
      box.onchange = () => {
        if (box.checked) chosen.add(row.id);
        else chosen.delete(row.id);
        line.classList.toggle("run-chosen", box.checked);
        choose();
      };
      const cell = element("td", "run-choose");
      cell.append(box);
      line.append(cell);
    }
    const first = element("th", "run-name");
    first.scope = "row";
    const dot = element("span", row.sign ? "run-sign" : "run-dot", row.sign || "");
    dot.style[row.sign ? "color" : "background"] = row.color;
    dot.setAttribute("aria-hidden", "true");
    const link = element(data.plain ? "span" : "a", "");
    link.append(...parts(row.name));
    link.title = [row.name, row.title].filter(Boolean).join("\n"); // all of a name that is cut
    if (!data.plain) {
      link.href = row.href;
      link.dataset.focus = `link ${row.id}`;
      link.onclick = (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        data.open ? setTriggerValue("open", row.id) : go(link.href);
      };
    }
    const called = element("div", "run-called");
    called.append(dot, link);
    first.append(called);
    if (data.hide) {
      const acts = element("span", "run-acts");
      if (data.rename) acts.append(button("run-act", `Rename ${row.name}`, "edit", null, () => rename(row, link, (named) => setTriggerValue("rename", named))));
      acts.append(
        button("run-act", row.pinned ? `Unpin ${row.name}` : `Pin ${row.name} to the top`, "keep", Boolean(row.pinned), () => setTriggerValue("pin", row.id)),
        button("run-act", row.hidden ? `Show ${row.name} in charts` : `Hide ${row.name} from charts`, row.hidden ? "visibility_off" : "visibility", Boolean(row.hidden), () => setTriggerValue("hide", row.id)),
      );
      first.append(acts);
    }
    if (data.stop) {
      const acts = element("span", "run-acts");
      acts.append(button("run-act", `Stop ${row.name}: save a checkpoint and end`, "stop_circle", null, () => setTriggerValue("stop", row.id)));
      first.append(acts);
    }
    line.append(first);
    data.columns.forEach((column, i) => {
      const cell = element("td", column.kind === "number" ? "run-number" : "");
      filled(cell, column.kind, row.cells[i], row.color, (place) => setTriggerValue("cell", place));
      line.append(cell);
    });
    body.append(line);
  });
  table.append(body);
  frame.append(table);
  parentElement.append(frame);
  if (focused) [...frame.querySelectorAll("[data-focus]")].find((item) => item.dataset.focus === focused)?.focus();
}
