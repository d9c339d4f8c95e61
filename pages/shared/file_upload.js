// A large file: the page is asked for a ticket, then the file is sent with it.
const MEGABYTE = 1024 * 1024
const format = (bytes) => Math.ceil(bytes / MEGABYTE).toLocaleString()
let number = 0 // of the files that were chosen, so that an old answer is not taken for a new one

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties)
  element.append(...children)
  return element
}

function createUploader(root) {
  const app = { data: null, send: null, file: null, number: 0, request: null }
  const say = (key, values = {}) => app.data.words[key].replace(/\{(\w+)\}/g, (_, name) => values[name])
  const input = make("input", { type: "file", className: "unseen", tabIndex: -1 })
  const choose = make("button", { type: "button", onclick: () => input.click() })
  const drop = make("span", { className: "drop" })
  const limit = make("span", { className: "limit" })
  const zone = make("div", { className: "zone" }, input, choose, drop, limit)
  const bar = make("progress", { max: 1, value: 0 })
  const cancel = make("button", { type: "button", onclick: () => app.end("stopped") })
  const moving = make("div", { className: "moving", hidden: true }, bar, cancel)
  const label = make("div", { className: "label", id: "label" })
  const count = make("p", { className: "told" }) // not read aloud whenever it changes
  const told = make("p", { className: "told" })
  told.setAttribute("role", "status")
  root.setAttribute("role", "group")
  root.replaceChildren(label, zone, moving, count, told)

  app.show = () => {
    label.textContent = app.data.label
    root.setAttribute("aria-label", app.data.label)
    bar.setAttribute("aria-label", app.data.label)
    input.setAttribute("aria-label", app.data.label)
    input.accept = app.data.ending
    choose.textContent = say("choose")
    drop.textContent = say("drop")
    limit.textContent = app.data.limit
    cancel.textContent = say("cancel")
    choose.disabled = input.disabled = Boolean(app.file)
    moving.hidden = count.hidden = !app.file
  }
  app.tell = (words, isBad = false) => {
    told.textContent = words
    told.classList.toggle("bad", isBad)
  }
  app.end = (key, words = key && say(key)) => {
    const { request } = app
    Object.assign(app, { file: null, request: null })
    request?.abort()
    input.value = ""
    app.tell(words, key !== "ready")
    app.show()
    choose.focus({ preventScroll: true })
  }
  app.take = (file) => {
    if (!file || app.file) return
    Object.assign(app, { file, number: ++number + "-" + Date.now() })
    app.tell("")
    progress(0)
    app.show()
    app.send("wanted", { number: app.number, name: file.name, size: file.size })
  }
  const progress = (done) => {
    bar.value = app.file.size ? done / app.file.size : 0
    count.textContent = say("sending", { name: app.file.name, done: format(done), total: format(app.file.size) })
  }
  app.receive = (answer) => {
    if (!app.file || app.request || answer?.number !== app.number) return
    if (answer.refused) return app.end("failed", answer.refused)
    const request = (app.request = new XMLHttpRequest())
    request.upload.onprogress = (event) => app.request === request && progress(event.loaded)
    request.onload = () => {
      if (app.request !== request) return
      if (request.status !== 200) return app.end("failed")
      const name = app.file.name
      app.request = null
      app.end("ready", say("ready", { name }))
      app.send("sent", { number: app.number })
    }
    request.onerror = () => app.request === request && app.end("failed")
    request.open("PUT", app.data.address)
    request.setRequestHeader(app.data.header, answer.ticket)
    request.send(app.file)
  }

  input.onchange = () => app.take(input.files[0])
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault()
      zone.classList.toggle("over", kind === "dragenter" || kind === "dragover")
      if (kind === "drop") app.take(event.dataTransfer.files[0])
    })
  }
  return app
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".upload")
  root.app ??= createUploader(root)
  const wasAnswered = Boolean(root.app.data?.answer)
  Object.assign(root.app, { data, send: setTriggerValue })
  if (wasAnswered && !data.answer && !root.app.file) root.app.tell("") // the page has the file
  root.app.show()
  root.app.receive(data.answer)
  return () => {
    if (!root.isConnected) root.app.request?.abort() // another page is shown
  }
}
