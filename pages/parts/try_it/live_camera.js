// What the network says of the camera's picture, as fast as the server answers. The next picture
// is taken when the answer to the last one is here, so that none ever waits in a queue.
const ANSWER_MS = 4000 // without an answer the next picture is sent
const MIN_INTERVAL_MS = 80 // at most about twelve pictures a second
const SPEED_WINDOW_MS = 3000 // over which pictures a second are counted
const QUALITY = 0.85 // of the JPEG
const TOLD_AFTER_MS = 1000 // that a class must lead before a screen reader hears of it
const PHOTO = { side: 640, quality: 0.92 }

function createBars() {
  const list = make("div", { class: "bars" })
  const rows = new Map()
  const createRow = (name) => {
    const share = make("span", { class: "share" }), fill = make("div", { class: "fill" })
    const row = make("div", { class: "bar", role: "meter", "aria-valuemin": 0, "aria-valuemax": 100 },
      make("span", { class: "name" }, name), share, make("div", { class: "track" }, fill))
    row.setAttribute("aria-label", name)
    rows.set(name, { row, share, fill })
    return rows.get(name)
  }
  // Shares by class, in the order in which they are drawn.
  list.show = (shares) => {
    const likely = shares.reduce((best, each) => (each[1] > best[1] ? each : best))[0]
    const elements = shares.map(([name, value]) => {
      const { row, share, fill } = rows.get(name) ?? createRow(name)
      share.textContent = Math.round(100 * value) + " %"
      fill.style.width = 100 * value + "%"
      row.classList.toggle("likely", name === likely)
      row.setAttribute("aria-valuenow", Math.round(100 * value))
      return row
    })
    if (elements.some((each, index) => list.children[index] !== each) || list.children.length !== elements.length)
      list.replaceChildren(...elements)
    return likely
  }
  return list
}

function createLive(root) {
  const bars = createBars()
  const speed = make("p", { class: "speed" }), told = make("div", { class: "unseen", "aria-live": "polite" })
  const viewer = createViewer("What the camera sees", () => changed())
  const photo = make("button", { type: "button", onclick: () => takePhoto() }, "Take this picture")
  const live = { camera: viewer.camera, send: null, side: 224 }
  let seq = 0, waiting = null, timer = null, answers = [], leader = { name: "", since: 0, told: true }
  viewer.element.querySelector(".controls").prepend(photo)
  root.replaceChildren(make("div", { class: "live" }, viewer.element, make("div", {}, bars, speed)), told)

  const changed = () => {
    clearTimeout(timer)
    waiting = null
    answers = []
    if (live.camera.on) return sendPicture()
    speed.textContent = ""
  }
  const takePhoto = async () => {
    const blob = await live.camera.capture(PHOTO.side, PHOTO.quality)
    if (blob) live.send("photo", await encode(blob))
  }
  const sendPicture = async () => {
    clearTimeout(timer)
    if (!live.camera.on) return
    const sent = { seq: ++seq, at: performance.now() }
    waiting = sent
    timer = setTimeout(sendPicture, ANSWER_MS)
    const blob = await live.camera.capture(live.side, QUALITY)
    if (!blob) {
      clearTimeout(timer)
      timer = setTimeout(sendPicture, MIN_INTERVAL_MS) // the camera has no picture yet
      return
    }
    const picture = await encode(blob)
    if (waiting === sent) live.send("frame", { seq: sent.seq, picture })
  }
  live.receive = ({ seq: answered, shares, milliseconds }) => {
    if (!waiting || answered !== waiting.seq) return
    const now = performance.now()
    answers = [...answers.filter((at) => now - at < SPEED_WINDOW_MS), now]
    announce(bars.show(shares), now)
    const span = now - answers[0]
    const rate = span ? ((answers.length - 1) / span) * 1000 : 0
    speed.textContent = rate
      ? rate.toFixed(1) + " pictures a second, " + Math.round(milliseconds) + " ms for the network"
      : ""
    clearTimeout(timer)
    timer = setTimeout(sendPicture, Math.max(0, MIN_INTERVAL_MS - (now - waiting.at)))
  }
  const announce = (name, now) => {
    if (name !== leader.name) leader = { name, since: now, told: false }
    if (leader.told || now - leader.since < TOLD_AFTER_MS) return
    leader.told = true
    told.textContent = name
  }
  live.close = () => {
    clearTimeout(timer)
    live.camera.close()
  }
  live.camera.start() // the person has just asked for it
  return live
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".camera-root")
  root.live ??= createLive(root)
  root.live.send = setTriggerValue
  root.live.side = data.side
  if (data.answer) root.live.receive(data.answer)
  return () => {
    if (!root.isConnected) root.live.close()
  }
}
