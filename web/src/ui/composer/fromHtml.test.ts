import { expect, it } from 'vitest'
import { fromHtml } from './fromHtml'

it('keeps links, emphasis, lists, code, quotes and tables of what is pasted', () => {
  expect(fromHtml('<p>see <a href="https://a.example">this</a>, <b>bold</b>, <i>italic</i>, <s>not</s></p>')).toBe(
    'see [this](https://a.example), **bold**, _italic_, ~~not~~',
  )
  expect(fromHtml('<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>')).toBe('- a\n  - b\n- c')
  expect(fromHtml('<ol start="3"><li>a</li><li>b</li></ol>')).toBe('3. a\n4. b')
  expect(fromHtml('<pre><code class="language-js">a * b\n\n  c</code></pre>')).toBe('```js\na * b\n\n  c\n```')
  expect(fromHtml('<blockquote>a</blockquote><h2>b</h2>')).toBe('> a\n\n## b')
  expect(fromHtml('<table><tr><th>a</th><th>b|c</th></tr><tr><td>1</td></tr></table>')).toBe(
    '| a | b\\|c |\n| --- | --- |\n| 1 |  |',
  )
})

it('leaves words as they are, and nothing of the page around them', () => {
  expect(fromHtml('<p>snake_case 2 - 1 [x] 10:30</p>')).toBe('snake_case 2 - 1 [x] 10:30')
  expect(fromHtml('<p># not a heading</p><p>2 * 3</p>')).toBe('\\# not a heading\n\n2 \\* 3')
  expect(fromHtml('<style>p{}</style><script>alert(1)</script><p>a</p>')).toBe('a')
  expect(fromHtml('<b style="font-weight:normal"><p>from docs</p></b>')).toBe('from docs')
  expect(fromHtml('<img src="data:image/png;base64,AAAA" alt="a picture">')).toBe('a picture')
})
