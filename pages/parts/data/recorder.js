// Classes that are recorded with the camera. The browser keeps what was recorded, also while
// another page is shown, and sends it until the server has it.
const FRAMES_PER_SECOND = 5
const SIDE = 320 // pixels of a frame, square
const QUALITY = 0.9 // of the JPEG
const FRAMES_PER_MESSAGE = 12
const FLUSH_MS = 600
const ANSWER_MS = 5000 // without an answer a message is sent again
const PRESS_MS = 350 // a shorter press starts a recording that the next press ends
const MAX_BURST_FRAMES = 300 // one minute
const MAX_CLASSES = 20
const MAX_FRAMES = 2000 // of all classes; the server keeps no more

let words = {} // of the page's language, with {fields}
let store = null // {classes, images: Map of id to Blob, urls, seq, changed, saved}

const makeId = () => Math.random().toString(36).slice(2, 12)
const say = (key, values = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name])
const makeClass = (number) => ({ id: makeId(), name: say("class", { n: number }), bursts: [] })
const countFrames = (each) => each.bursts.reduce((sum, burst) => sum + burst.length, 0)
const listFrames = (classes) => classes.flatMap((each) => each.bursts.flat())
const describeCount = (count) => say(count === 1 ? "image" : "images", { n: count })

function openStore(data) {
  const classes = data.classes.length ? data.classes : [makeClass(1), makeClass(2)]
  return { classes, images: new Map(), urls: new Map(), seq: data.seq, changed: false, saved: false }
}

function drop(frame) {
  URL.revokeObjectURL(store.urls.get(frame))
  store.images.delete(frame)
  store.urls.delete(frame)
}

// ---------------------------------------------------------------- To the server

function createSender() {
  const sender = { send: null, known: new Set(), waiting: null, busy: false }

  sender.flush = async () => {
    if (sender.busy || (sender.waiting && Date.now() - sender.waiting.at < ANSWER_MS)) return
    const unsent = listFrames(store.classes).filter((id) => !sender.known.has(id) && store.images.has(id))
    if (!store.changed && !unsent.length) return
    sender.busy = true
    const frames = {}
    for (const id of unsent.slice(0, FRAMES_PER_MESSAGE)) frames[id] = await encode(store.images.get(id))
    sender.busy = false
    store.changed = false
    sender.waiting = { seq: ++store.seq, at: Date.now() }
    sender.send("recorded", { seq: store.seq, classes: store.classes, frames })
  }

  sender.receive = (data) => {
    const missing = new Set(data.missing)
    sender.known = new Set(listFrames(data.classes).filter((id) => !missing.has(id)))
    if (!sender.waiting || data.seq < sender.waiting.seq) return
    sender.waiting = null
    sender.flush()
  }
  return sender
}

// ---------------------------------------------------------------- One class

function createCard(recorded, app) {
  const input = make("input", { class: "name", maxlength: 60, "aria-label": say("className"), autocomplete: "off" })
  input.value = recorded.name
  const count = make("span", { class: "count" })
  const remove = make("button", { type: "button", class: "quiet" }, say("remove"))
  const record = make("button", { type: "button", class: "record primary" })
  const undo = make("button", { type: "button" }, say("undo"))
  const thumbs = make("div", { class: "thumbs" })
  const element = make(
    "section", { class: "card" },
    make("div", { class: "head" }, input, count, remove), make("div", { class: "actions" }, record, undo), thumbs,
  )
  const card = { element, recorded, timer: null, pressedAt: 0 }

  const title = () => recorded.name.trim() || say("unnamed")
  card.update = () => {
    const frames = countFrames(recorded)
    count.textContent = describeCount(frames)
    undo.hidden = !frames
    thumbs.hidden = !frames
    remove.hidden = frames > 0 || store.classes.length <= 2
    record.disabled = !app.camera.on || listFrames(store.classes).length >= MAX_FRAMES
    record.textContent = card.timer ? say("recording") : say("hold")
    record.classList.toggle("recording", Boolean(card.timer))
    record.setAttribute("aria-pressed", String(Boolean(card.timer)))
    record.setAttribute("aria-label", say("holdClass", { name: title() }))
    undo.setAttribute("aria-label", say("undoClass", { name: title() }))
    remove.setAttribute("aria-label", say("removeClass", { name: title() }))
    element.setAttribute("aria-label", title())
  }

  // Thumbnails: one of them can be reached by Tab, the others by the arrow keys.
  const addThumb = (group, frame) => {
    const picture = make("img", { alt: "", src: store.urls.get(frame) })
    const thumb = make("button", { type: "button", class: "thumb", tabindex: thumbs.querySelector(".thumb") ? -1 : 0 }, picture)
    thumb.frame = frame
    thumb.title = say("delete")
    group.append(thumb)
    thumb.setAttribute("aria-label", say("deleteImage", { n: thumbs.querySelectorAll(".thumb").length, name: title() }))
  }
  const addGroup = () => {
    const group = make("div", { class: "burst", role: "group", "aria-label": say("burst", { n: thumbs.children.length + 1 }) })
    thumbs.append(group)
    return group
  }
  card.redraw = () => {
    thumbs.replaceChildren()
    for (const burst of recorded.bursts) {
      const group = addGroup()
      burst.forEach((frame) => addThumb(group, frame))
    }
    card.update()
  }
  const deleteThumb = (thumb) => {
    const all = [...thumbs.querySelectorAll(".thumb")], place = all.indexOf(thumb)
    recorded.bursts = recorded.bursts.map((burst) => burst.filter((id) => id !== thumb.frame)).filter((burst) => burst.length)
    drop(thumb.frame)
    card.redraw()
    const left = thumbs.querySelectorAll(".thumb")
    ;(left[Math.min(place, left.length - 1)] ?? record).focus()
    app.changed(say("deleted", { name: title(), left: describeCount(countFrames(recorded)) }))
  }
  thumbs.addEventListener("click", (event) => {
    const thumb = event.target.closest(".thumb")
    if (thumb && !card.timer) deleteThumb(thumb)
  })
  thumbs.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key], thumb = event.target.closest(".thumb")
    if (!thumb) return
    if (event.key === "Delete" || event.key === "Backspace") return deleteThumb(thumb)
    const all = [...thumbs.querySelectorAll(".thumb")], next = all[all.indexOf(thumb) + step]
    if (!next) return
    event.preventDefault()
    thumb.tabIndex = -1
    next.tabIndex = 0
    next.focus()
  })

  // Recording: as long as the button is held, or from one short press to the next.
  const takeFrame = async (burst, group) => {
    const blob = await app.camera.capture(SIDE, QUALITY)
    if (!blob || !card.timer) return
    const id = makeId()
    store.images.set(id, blob)
    store.urls.set(id, URL.createObjectURL(blob))
    if (!burst.length) {
      recorded.bursts.push(burst)
      thumbs.append(group)
    }
    burst.push(id)
    addThumb(group, id)
    card.update()
    thumbs.scrollTop = thumbs.scrollHeight
    store.changed = true
    if (burst.length >= MAX_BURST_FRAMES || listFrames(store.classes).length >= MAX_FRAMES) card.stop()
  }
  card.start = () => {
    if (card.timer || !app.camera.on) return
    app.cards.forEach((other) => other.stop())
    const burst = [], group = addGroup()
    group.remove() // until its first frame is there
    card.timer = setInterval(() => takeFrame(burst, group), 1000 / FRAMES_PER_SECOND)
    takeFrame(burst, group)
    card.update()
  }
  card.stop = () => {
    if (!card.timer) return
    clearInterval(card.timer)
    card.timer = null
    card.update()
    app.changed(title() + ": " + describeCount(countFrames(recorded)))
  }
  const press = () => {
    if (card.timer) return card.stop()
    card.pressedAt = Date.now()
    card.start()
  }
  const release = () => {
    if (card.timer && Date.now() - card.pressedAt > PRESS_MS) card.stop()
  }
  record.addEventListener("pointerdown", (event) => {
    if (event.button) return
    record.setPointerCapture(event.pointerId)
    press()
  })
  record.addEventListener("pointerup", release)
  record.addEventListener("pointercancel", () => card.stop())
  record.addEventListener("contextmenu", (event) => event.preventDefault()) // of a long touch
  record.addEventListener("keydown", (event) => {
    if (event.key !== " " && event.key !== "Enter") return
    event.preventDefault()
    if (!event.repeat) press()
  })
  record.addEventListener("keyup", (event) => {
    if (event.key !== " " && event.key !== "Enter") return
    event.preventDefault() // or some browsers click now
    release()
  })
  record.addEventListener("blur", () => card.stop())
  // A screen reader clicks without a pointer or a key.
  record.addEventListener("click", (event) => event.detail === 0 && event.pointerType === "" && press())

  input.addEventListener("input", () => {
    recorded.name = input.value
    card.update()
    store.changed = true
  })
  undo.addEventListener("click", () => {
    card.stop()
    ;(recorded.bursts.pop() ?? []).forEach(drop)
    card.redraw()
    ;(undo.hidden ? record : undo).focus()
    app.changed(say("undone", { name: title(), left: describeCount(countFrames(recorded)) }))
  })
  remove.addEventListener("click", () => app.removeClass(card))
  card.redraw()
  return card
}

// ---------------------------------------------------------------- All classes

function createRecorder(root, sender) {
  const app = { cards: [] }
  const list = make("div", { class: "classes" })
  const told = make("div", { class: "unseen", "aria-live": "polite" })
  const viewer = createViewer(() => {
    if (!app.camera) return
    if (!app.camera.on) app.cards.forEach((card) => card.stop())
    app.cards.forEach((card) => card.update())
  })
  app.camera = viewer.camera
  const add = make("button", { type: "button", onclick: () => app.addClass() }, say("add"))
  const clear = make("button", { type: "button", class: "quiet", onclick: () => app.clear() }, say("clear"))
  const below = make("div", { class: "below" }, add, clear)
  root.replaceChildren(make("div", { class: "recorder" }, viewer.element, make("div", {}, list, below)), told)

  app.changed = (words) => {
    store.changed = true
    told.textContent = words
    show()
    sender.flush()
  }
  const show = () => {
    add.hidden = store.classes.length >= MAX_CLASSES
    clear.hidden = !listFrames(store.classes).length
  }
  const draw = () => {
    app.cards.forEach((card) => card.stop())
    app.cards = store.classes.map((each) => createCard(each, app))
    list.replaceChildren(...app.cards.map((card) => card.element))
    show()
  }
  app.addClass = () => {
    store.classes.push(makeClass(store.classes.length + 1))
    draw()
    const name = list.lastElementChild.querySelector("input")
    name.focus()
    name.select()
    app.changed(say("added"))
  }
  app.removeClass = (card) => {
    store.classes = store.classes.filter((each) => each !== card.recorded)
    draw()
    add.focus()
    app.changed(say("removed"))
  }
  app.clear = () => {
    if (!window.confirm(say("sure"))) return
    listFrames(store.classes).forEach(drop)
    store.classes.forEach((each) => (each.bursts = []))
    draw()
    app.changed(say("cleared"))
  }
  draw()
  return app
}

function warnBeforeLeaving(event) {
  if (listFrames(store.classes).length && !store.saved) event.preventDefault()
}

export default function ({ data, parentElement, setTriggerValue }) {
  setCameraWords(data.cameraWords)
  const root = parentElement.querySelector(".camera-root")
  words = data.words
  store ??= openStore(data)
  if (!root.recorder) {
    root.sender = createSender()
    root.recorder = createRecorder(root, root.sender)
    root.timer = setInterval(root.sender.flush, FLUSH_MS)
    root.addEventListener("keydown", (event) => event.stopPropagation()) // no shortcuts of the page
    window.addEventListener("beforeunload", warnBeforeLeaving)
  }
  root.sender.send = setTriggerValue
  store.saved = data.saved && data.seq === store.seq && !store.changed
  root.sender.receive(data)
  return () => {
    if (root.isConnected) return // an update overtook this one
    clearInterval(root.timer)
    root.recorder.cards.forEach((card) => card.stop())
    root.recorder.camera.close()
  }
}
