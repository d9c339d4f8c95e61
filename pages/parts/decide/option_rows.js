// Every way to train as a row: name, interval on a common scale, accuracy, time. Radio buttons:
// arrows move, space or Enter chooses.
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  element.append(...children)
  return element
}

function findScale(rows) {
  const ends = rows.flatMap(({ low, high, result }) => [low, high, result]).filter((end) => typeof end === "number")
  const low = Math.max(0, Math.min(...ends, 1) - 0.03), high = Math.min(1, Math.max(...ends, 0) + 0.03)
  return (value) => `${(100 * (value - low)) / Math.max(high - low, 0.01)}%`
}

function drawTrack(row, place) {
  const track = make("span", { class: "or-track", "aria-hidden": "true" })
  if (row.accuracy !== null) {
    const bar = make("span", { class: row.measured ? "or-measured" : "or-forecast" })
    bar.style.left = place(row.low)
    bar.style.right = `calc(100% - ${place(row.high)})`
    track.append(bar)
    if (row.measured) {
      const dot = make("span", { class: "or-dot" })
      dot.style.left = place(row.accuracy)
      track.append(dot)
    }
  }
  if (row.result !== null) {
    const star = make("span", { class: "or-run" }, "▲")
    star.style.left = place(row.result)
    track.append(star)
  }
  return track
}

function drawRow(row, place) {
  const pills = row.marks.map((mark) => make("span", { class: `or-pill ${mark.includes("★") ? "or-best" : "or-textbook"}` }, mark))
  const numbers = make("span", { class: row.reached ? "or-number or-strong" : "or-number" }, row.reached ?? row.expected)
  const element = make("div", { class: "or-row", role: "radio", "aria-checked": row.is_chosen, tabindex: row.is_chosen ? 0 : -1, "aria-label": row.description, "data-key": row.key, title: row.note ?? "" },
    make("span", { class: "or-name" }, make("span", { class: "or-mark", "aria-hidden": "true" }), make("span", {}, row.name), ...(pills.length ? [make("span", { class: "or-pills" }, ...pills)] : [])),
    drawTrack(row, place), numbers, make("span", { class: "or-time" }, row.seconds))
  if (!row.is_shown) element.classList.add("or-more")
  return element
}

function listen(root, list) {
  const choose = (row) => {
    list.querySelectorAll(".or-row").forEach((each) => each.setAttribute("aria-checked", each === row))
    root.send("option", row.dataset.key)
  }
  list.addEventListener("click", (event) => {
    const row = event.target.closest(".or-row")
    if (row) choose(row)
  })
  list.addEventListener("keydown", (event) => {
    const rows = [...list.querySelectorAll(".or-row")].filter((row) => row.offsetParent)
    const place = rows.indexOf(event.target.closest(".or-row"))
    if (place < 0) return
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key]
    if (step) {
      const next = rows[(place + step + rows.length) % rows.length]
      rows.forEach((row) => row.setAttribute("tabindex", row === next ? 0 : -1))
      next.focus()
    } else if (event.key === " " || event.key === "Enter") choose(rows[place])
    else return
    event.preventDefault()
  })
}

function draw(root, data) {
  const place = findScale(data.rows), focused = root.contains(document.activeElement) && document.activeElement.dataset.key
  const list = make("div", { class: "or-list", role: "radiogroup", "aria-label": data.label }, ...data.rows.map((row) => drawRow(row, place)))
  const hidden = data.rows.filter((row) => !row.is_shown).length
  const more = make("button", { class: "or-toggle", type: "button", "aria-expanded": root.isOpen ?? false })
  const tell = () => {
    more.textContent = root.isOpen ? data.fewer : data.more.replace("{number}", hidden)
    more.setAttribute("aria-expanded", root.isOpen ?? false)
    list.classList.toggle("or-open", root.isOpen ?? false)
    list.style.maxHeight = root.isOpen ? `${root.closedHeight}px` : ""
  }
  more.addEventListener("click", () => {
    // The list keeps its height and scrolls, so that nothing below it moves.
    if (!root.isOpen) root.closedHeight = list.clientHeight
    root.isOpen = !root.isOpen
    tell()
    list.scrollTop = root.isOpen ? list.scrollHeight : 0
  })
  tell()
  root.setAttribute("role", "group")
  root.setAttribute("aria-label", data.description)
  listen(root, list)
  root.replaceChildren(list, make("div", { class: "or-foot" }, ...(hidden ? [more] : []), make("span", {}, data.legend)))
  if (focused) list.querySelector(`[data-key="${focused}"]`)?.focus()
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".option-rows")
  root.send = setTriggerValue
  const text = JSON.stringify(data)
  if (text === root.drawn) return
  root.drawn = text
  draw(root, data)
}
