// The repository's documents as pages. They stay where they are and read well on GitHub; here they get a menu, a search and drawn diagrams.
import { existsSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitepress'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const repository = 'https://github.com/payonce/payonce'

// pages are served; every other file of the repository is a link to GitHub.
const pages = [/^(README|CONTRIBUTING|SECURITY|CHANGELOG)\.md$/, /^docs\/((decisions|postman)\/)?[^/]+\.md$/, /^test\/README\.md$/, /^deploy\/kubernetes\/README\.md$/]
const isPage = (path) => pages.some((page) => page.test(path))

// slugify makes the anchors that GitHub makes: what works there works here. Its counterpart is anchors in test/readme/links_test.go.
const slugify = (text) => text.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')

// address is where a relative link leads on the site.
function address(page, href) {
  const [target, anchor] = href.split('#')
  if (target === '' || /^[a-z]+:/.test(target)) return href
  const path = posix.join(posix.dirname(page), target)
  if (!existsSync(posix.join(root, path))) throw new Error(`${page} links to ${href}, and there is no ${path}`)
  if (!isPage(path)) return `${repository}/blob/main/${path}${anchor ? '#' + anchor : ''}`
  const shown = path.replace(/(^|\/)README\.md$/, '$1index.md')
  return '/' + shown + (anchor ? '#' + anchor : '')
}

function rewriteLinks(md) {
  md.core.ruler.push('links', (state) => {
    for (const block of state.tokens) {
      for (const token of block.children ?? []) {
        if (token.type === 'link_open') token.attrSet('href', address(state.env.relativePath.replace(/(^|\/)index\.md$/, '$1README.md'), token.attrGet('href')))
      }
    }
  })
}

function drawDiagrams(md) {
  const fence = md.renderer.rules.fence
  md.renderer.rules.fence = (tokens, index, ...rest) => {
    const { info, content } = tokens[index]
    return info.trim() === 'mermaid' ? `<Diagram source="${encodeURIComponent(content)}" />` : fence(tokens, index, ...rest)
  }
}

// vueForPages finds Vue for pages, which lie outside the folder that has it.
const vueForPages = {
  name: 'vue-for-pages',
  enforce: 'pre',
  resolveId(id, importer, options) {
    if (/^vue(\/|$)/.test(id) && importer?.endsWith('.md')) return this.resolve(id, fileURLToPath(import.meta.url), { ...options, skipSelf: true })
  },
}

const menu = (text, ...items) => ({ text, collapsed: false, items: items.map(([label, link]) => ({ text: label, link })) })

export default defineConfig({
  title: 'payonce',
  description: 'A payments service in which a request that is sent twice happens once',
  lang: 'en',
  srcDir: root,
  outDir: posix.join(root, 'tools/docs/dist'),
  cacheDir: posix.join(root, 'tools/docs/.vitepress/cache'),
  srcExclude: ['**/testdata/**', '.*/**', 'client/**', 'test/*/**', 'tools/**'],
  rewrites: (page) => page.replace(/(^|\/)README\.md$/, '$1index.md'),
  cleanUrls: false,
  vite: { plugins: [vueForPages], build: { chunkSizeWarningLimit: 2000 } },
  markdown: {
    anchor: { slugify },
    languageAlias: { golang: 'go' },
    config(md) {
      md.use(rewriteLinks)
      md.use(drawDiagrams)
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    socialLinks: [{ icon: 'github', link: repository }],
    nav: [{ text: 'Documents', link: '/docs/' }, { text: 'Changelog', link: '/CHANGELOG' }],
    sidebar: [
      menu('Start', ['What payonce is', '/'], ['All documents', '/docs/'], ['Questions', '/docs/faq'], ['Comparison', '/docs/comparison']),
      menu('Integrate', ['Integration guide', '/docs/integration'], ['Payments', '/docs/payments'], ['Webhooks', '/docs/webhooks'], ['Events', '/docs/events'],
        ['API keys', '/docs/api-keys'], ['Postman', '/docs/postman/'], ['Simulator', '/docs/simulator'], ['Demos', '/docs/demo']),
      menu('Your own service', ['Middleware', '/docs/middleware']),
      menu('Operate', ['Operations', '/docs/operations'], ['Settings', '/docs/settings'], ['Commands', '/docs/commands'], ['Gateway', '/docs/gateway'],
        ['Monitoring', '/docs/monitoring'], ['Tracing', '/docs/tracing'], ['Archive', '/docs/archive'], ['Scaling', '/docs/scaling'],
        ['Kubernetes', '/deploy/kubernetes/'], ['Runbook', '/docs/runbook'], ['Versions', '/docs/versioning'], ['Security', '/SECURITY']),
      menu('Believe it', ['Guarantees', '/docs/guarantees'], ['Evidence', '/docs/evidence'], ['Performance', '/docs/performance']),
      menu('How it works', ['Architecture', '/docs/architecture'], ['Data model', '/docs/data-model'], ['Decisions', '/docs/decisions/'],
        ['Glossary', '/docs/glossary'], ['Contributing', '/CONTRIBUTING'], ['Tests', '/test/']),
    ],
  },
})
