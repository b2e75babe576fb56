// Looks through what was built: every link within the site leads to a page and a heading, and every diagram can be drawn.
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import purify from 'dompurify'
import mermaid from 'mermaid'

// Without a browser there is nothing to purify: diagrams are only parsed here.
purify.addHook = () => {}
purify.sanitize = (text) => text

const dist = fileURLToPath(new URL('dist', import.meta.url))
const text = (path) => readFileSync(posix.join(dist, path), 'utf8')
const built = readdirSync(dist, { recursive: true })
const files = new Set(built)
const pages = new Map(built.filter((path) => path.endsWith('.html')).map((path) => [path, text(path)]))
const anchors = new Map([...pages].map(([path, html]) => [path, new Set([...html.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]))]))
const problems = []
let links = 0
let diagrams = 0

for (const [page, html] of pages) {
  for (const [, href] of html.matchAll(/<a\b[^>]* href="([^"]*)"/g)) {
    if (/^[a-z]+:/.test(href)) continue
    links++
    const [target, anchor] = decodeURIComponent(href).split('#')
    let path = target === '' ? page : posix.join(posix.dirname('/' + page), target).slice(1)
    if (target.startsWith('/')) path = target.slice(1)
    if (path === '' || path.endsWith('/')) path += 'index.html'
    if (!files.has(path) && files.has(path + '.html')) path += '.html'
    if (!files.has(path)) problems.push(`${page} links to ${href}`)
    else if (anchor && anchors.has(path) && !anchors.get(path).has(anchor)) problems.push(`${page} links to ${href}: no such heading`)
  }
  for (const [, diagram] of html.matchAll(/<pre class="diagram">([\s\S]*?)<\/pre>/g)) {
    diagrams++
    const source = diagram.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&')
    await mermaid.parse(source).catch((error) => problems.push(`${page}: a diagram can't be drawn: ${error.message}`))
  }
}
if (pages.size < 30 || links < 1000 || diagrams < 5) problems.push(`only ${pages.size} pages, ${links} links, ${diagrams} diagrams: something is missing`)
problems.forEach((problem) => console.error(problem))
console.log(`${pages.size} pages, ${links} links, ${diagrams} diagrams: ${problems.length} problems`)
process.exit(problems.length > 0 ? 1 : 0)
