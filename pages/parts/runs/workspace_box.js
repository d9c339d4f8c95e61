// Forgets what the browser keeps, and asks for a page, which brings the cookie of a new workspace.
export default function () {
  for (const name of Object.keys(localStorage))
    if (name.startsWith("transfer-lab-")) localStorage.removeItem(name)
  window.location.replace(new URL("./?cleared=yes", document.baseURI))
}
