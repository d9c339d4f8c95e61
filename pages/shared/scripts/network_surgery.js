// How a drawn network was made, shown once; network_svg.js comes before this file.
function playSurgery(svg, data) {
  // Once, in under five seconds: the network as it was, the slice, the new layer, then what learns
  // and what is frozen, and a picture passing through. Nothing moves where people ask for that.
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return
  const groups = [...svg.querySelectorAll(".nd-slab")]
  const move = (element, frames, delay, duration) => element?.animate(frames, { delay, duration, easing: "ease-in-out", fill: "backwards" })
  const boxes = svg.networkPlace.boxes
  const at = data.slabs.findIndex((slab) => slab.state === "new")
  const firstCut = data.slabs.findIndex((slab) => slab.state === "cut away")
  const back = at < 0 || firstCut < 0 ? 0 : boxes[firstCut].x - boxes[at].x
  groups.forEach((group, i) => {
    const state = data.slabs[i].state, before = group.querySelector(".nd-before")
    if (state === "new") {
      move(group, [{ opacity: 0, transform: "translateY(70px)" }, { opacity: 1, transform: "none" }], 1700, 700)
    } else if (state === "cut away") {
      move(group, [{ transform: `translateX(${-back}px)` }, { transform: "none" }], 800, 900)
      move(before, [{ opacity: 1 }, { opacity: 0 }], 800, 900)
    } else move(before, [{ opacity: 1 }, { opacity: 0 }], 2400 + 120 * i, 500)
  })
  for (const later of svg.querySelectorAll(".nd-outputs, .nd-late")) move(later, [{ opacity: 0 }, { opacity: 1 }], 2100, 400)
  if (back) showSlice(svg, boxes[at].x - 10)
  passPicture(svg, 3500)
}

function showSlice(svg, x) {
  // Scissors run down the place of the cut.
  const { options, font } = svg.networkPlace
  const scissors = svgElement("g", { class: "nd-moving" }, [
    svgElement("path", { class: "nd-wire", "stroke-dasharray": "4 4", d: `M${x} ${-options.height * 0.8}V0` }),
    svgElement("text", { class: "nd-strong", x, y: font * 0.6, "text-anchor": "middle", "font-size": font * 1.7 }, ["✂"]),
  ])
  svg.append(scissors)
  const at = (share) => ({ opacity: 1, transform: `translateY(${options.height * share}px)` })
  const cut = scissors.animate([at(0.05), at(0.85), { ...at(0.85), opacity: 0 }], { delay: 200, duration: 900, easing: "ease-in-out" })
  cut.onfinish = () => scissors.remove()
}

function passPicture(svg, delay) {
  // A small copy of the picture travels to the new layer.
  const { image, start, middle, boxes, options } = svg.networkPlace
  const source = svg.querySelector("image")
  if (!source) return
  const moving = source.cloneNode()
  moving.setAttribute("class", "nd-moving")
  svg.append(moving)
  const shown = [...svg.querySelectorAll(".nd-slab:not(.nd-cut-away)")].length - 1
  const end = boxes[shown].x - start
  moving.style.transformOrigin = `${start + image / 2}px ${middle}px`
  const travel = moving.animate(
    [{ opacity: 0.9, transform: "none" }, { opacity: 0.8, transform: `translateX(${end * 0.5}px) scale(0.5)` }, { opacity: 0, transform: `translateX(${end}px) scale(0.15)` }],
    { delay, duration: 1400, easing: "ease-in-out" })
  travel.onfinish = () => moving.remove()
}
