// Pictures to choose from: each is a button, so Tab, Enter and a screen reader work as everywhere.
function createButton(choice, chosen, layout, choose) {
  const button = document.createElement("button")
  button.type = "button"
  button.className = "choice"
  button.setAttribute("aria-pressed", String(choice.key === chosen))
  button.setAttribute("aria-label", [choice.title, choice.note].filter(Boolean).join(", "))
  const picture = document.createElement("img")
  picture.src = choice.picture
  picture.alt = ""
  picture.className = choice.sharp ? "sharp" : ""
  button.append(picture)
  const lines = { row: ["title"], tiles: ["title"], pictures: [] }[layout]
  for (const kind of lines) {
    const line = document.createElement("span")
    line.className = kind
    line.textContent = choice[kind]
    button.append(line)
  }
  button.addEventListener("click", () => choose(choice.key))
  return button
}

function createEnd(end) {
  const list = document.createElement("div")
  list.className = "end"
  list.setAttribute("role", "group")
  list.setAttribute("aria-label", end.title)
  const heading = document.createElement("span")
  heading.className = "title"
  heading.textContent = end.title
  list.append(heading)
  for (const [name, share] of end.shares) {
    const row = document.createElement("div")
    row.className = "share"
    const label = document.createElement("span")
    label.textContent = name
    const number = document.createElement("span")
    number.textContent = Math.round(100 * share) + " %"
    const bar = document.createElement("i")
    bar.style.width = 100 * share + "%"
    row.append(label, number, bar)
    list.append(row)
  }
  return list
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".picture-buttons")
  const focused = root.getRootNode().activeElement?.dataset?.key
  root.className = "picture-buttons " + data.layout
  root.setAttribute("role", "group")
  root.setAttribute("aria-label", data.label)
  root.style.setProperty("--side", data.side + "px")
  const elements = []
  for (const choice of data.choices) {
    if (data.layout === "row" && elements.length) {
      const arrow = document.createElement("span")
      arrow.className = "arrow"
      arrow.setAttribute("aria-hidden", "true")
      arrow.textContent = "›"
      elements.push(arrow)
    }
    const button = createButton(choice, data.chosen, data.layout, (key) => {
      for (const other of root.querySelectorAll(".choice"))
        other.setAttribute("aria-pressed", String(other.dataset.key === key)) // before the server answers
      setTriggerValue("chosen", key)
    })
    button.dataset.key = choice.key
    elements.push(button)
  }
  elements.push(...data.ends.map(createEnd))
  root.replaceChildren(...elements)
  if (focused) [...root.querySelectorAll(".choice")].find((each) => each.dataset.key === focused)?.focus()
}
