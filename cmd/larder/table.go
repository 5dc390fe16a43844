package main

import (
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

const (
	columnGap = 2
	// maxUnbroken is the width up to which a word of a cell is kept whole.
	maxUnbroken = 30
)

// signs are the characters after which a word may be broken.
const signs = ",;:=/_-.|@"

// cells counts columns of a terminal, the same in every locale.
var cells = &runewidth.Condition{StrictEmojiNeutral: true}

// table prints rows in aligned columns that fit the width of w: numbers at the right,
// long cells on several lines. When even that doesn't fit, each row becomes a block with a
// line for each column. A cell may come from paint.
func table(w io.Writer, header string, rows [][]string) error {
	t := newGrid(strings.Fields(header), rows)
	width := widthOf(w)
	var b strings.Builder
	if t.shrink(width) {
		t.columns(&b, w)
	} else {
		t.blocks(&b, w, width)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// A grid is a table before it is printed.
type grid struct {
	header []string
	rows   [][]string
	styles [][]style
	widths []int
	words  []int  // the widths below which words would break
	titles []int  // the same, except words of the header, which break after a sign
	pieces []int  // the widths below which any word would break elsewhere than after a sign
	right  []bool // whose cells are numbers
}

func newGrid(header []string, rows [][]string) *grid {
	n := len(header)
	t := &grid{header: header, widths: make([]int, n), words: make([]int, n), titles: make([]int, n), pieces: make([]int, n), right: make([]bool, n)}
	for c, title := range header {
		t.measure(c, title)
		t.titles[c] = t.pieces[c]
	}
	words := make([]bool, n)
	for _, row := range rows {
		line, colours := make([]string, n), make([]style, n)
		for c := range min(n, len(row)) {
			colour, text := unpaint(row[c])
			line[c], colours[c] = visible(text), colour
			t.measure(c, line[c])
			t.titles[c] = max(t.titles[c], longestWord(line[c]))
			words[c] = words[c] || !isFigure(line[c])
			t.right[c] = t.right[c] || strings.ContainsAny(line[c], "0123456789")
		}
		t.rows, t.styles = append(t.rows, line), append(t.styles, colours)
	}
	for c := range t.right {
		t.right[c] = t.right[c] && !words[c]
	}
	return t
}

// measure makes a column wide enough for a text.
func (t *grid) measure(c int, text string) {
	t.widths[c] = max(t.widths[c], cells.StringWidth(text))
	t.words[c] = max(t.words[c], longestWord(text))
	for _, word := range strings.Fields(text) {
		for _, piece := range pieces(word) {
			t.pieces[c] = max(t.pieces[c], min(cells.StringWidth(piece), maxUnbroken))
		}
	}
}

// longestWord returns the width of the longest word that is kept whole.
func longestWord(text string) (width int) {
	for _, word := range strings.Fields(text) {
		width = max(width, min(cells.StringWidth(word), maxUnbroken))
	}
	return width
}

// isFigure reports whether a cell is a number or stands for none.
func isFigure(text string) bool {
	return text == "-" || text == "" || strings.Trim(text, "0123456789,.+-e%× ") == "" || text == "NaN"
}

// shrink takes width from the widest columns until the table fits, and reports whether
// it does.
func (t *grid) shrink(width int) bool {
	total := columnGap * (len(t.widths) - 1)
	for _, w := range t.widths {
		total += w
	}
	for _, least := range [][]int{t.words, t.titles, t.pieces} {
		for total > width {
			widest := -1
			for c, w := range t.widths {
				if w > least[c] && (widest < 0 || w > t.widths[widest]) {
					widest = c
				}
			}
			if widest < 0 {
				break
			}
			t.widths[widest]--
			total--
		}
	}
	return total <= width
}

func (t *grid) columns(b *strings.Builder, w io.Writer) {
	t.row(b, w, t.header, make([]style, len(t.header)))
	for r, row := range t.rows {
		t.row(b, w, row, t.styles[r])
	}
}

// row prints a row, on as many lines as its longest cell needs.
func (t *grid) row(b *strings.Builder, w io.Writer, row []string, styles []style) {
	wrapped := make([][]string, len(row))
	height := 1
	for c, text := range row {
		wrapped[c] = wrap(text, t.widths[c])
		height = max(height, len(wrapped[c]))
	}
	for i := range height {
		line := make([]string, len(row))
		for c := range row {
			if i < len(wrapped[c]) {
				line[c] = wrapped[c][i]
			}
		}
		t.line(b, w, line, styles)
	}
}

// line prints one line, without spaces at its end.
func (t *grid) line(b *strings.Builder, w io.Writer, line []string, styles []style) {
	last := len(line) - 1
	for last > 0 && line[last] == "" {
		last--
	}
	for c, text := range line[:last+1] {
		pad := strings.Repeat(" ", max(t.widths[c]-cells.StringWidth(text), 0))
		text = paint(w, styles[c], text)
		switch {
		case t.right[c]:
			text = pad + text
		case c < last:
			text += pad
		}
		b.WriteString(text)
		if c < last {
			b.WriteString(strings.Repeat(" ", columnGap))
		}
	}
	b.WriteByte('\n')
}

// blocks prints a line for each cell that has a value.
func (t *grid) blocks(b *strings.Builder, w io.Writer, width int) {
	label := 0
	for _, title := range t.header {
		label = max(label, cells.StringWidth(title)+columnGap)
	}
	for r, row := range t.rows {
		if r > 0 {
			b.WriteByte('\n')
		}
		for c, text := range row {
			title := t.header[c]
			for _, line := range wrap(text, max(width-label, 1)) {
				if line != "" {
					b.WriteString(title + strings.Repeat(" ", label-cells.StringWidth(title)) + paint(w, t.styles[r][c], line) + "\n")
				}
				title = ""
			}
		}
	}
}

// wrap parts text into lines of at most width columns: between words, else after a
// sign, else between characters.
func wrap(text string, width int) []string {
	var lines []string
	line, used := "", 0
	for _, word := range strings.Fields(text) {
		n := cells.StringWidth(word)
		if line != "" && used+1+n <= width {
			line, used = line+" "+word, used+1+n
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for n > width {
			head := breakWord(word, width)
			lines, word = append(lines, head), word[len(head):]
			n = cells.StringWidth(word)
		}
		line, used = word, n
	}
	return append(lines, line)
}

// fold breaks the lines of paragraphs again, except those that are indented.
func fold(text string, width int) string {
	if text == "" {
		return ""
	}
	paragraphs := strings.Split(text, "\n\n")
	for i, p := range paragraphs {
		if !strings.HasPrefix(p, " ") && !strings.Contains(p, "\n ") {
			paragraphs[i] = strings.Join(wrap(p, width), "\n")
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

// breakWord returns the beginning of a word that fits.
func breakWord(word string, width int) string {
	head := cells.Truncate(word, width, "")
	if head == "" || !strings.HasPrefix(word, head) { // a wide character in a narrow column
		_, size := utf8.DecodeRuneInString(word)
		return word[:size]
	}
	whole := ""
	for _, piece := range pieces(word) {
		if len(whole)+len(piece) > len(head) {
			break
		}
		whole += piece
	}
	if whole != "" {
		return whole
	}
	return head
}

// pieces parts a word after its signs, except those inside a number or a time.
func pieces(word string) (parts []string) {
	begin := 0
	for i := 0; i+1 < len(word); i++ {
		if strings.IndexByte(signs, word[i]) < 0 || i > 0 && isDigit(word[i-1]) && isDigit(word[i+1]) {
			continue
		}
		parts, begin = append(parts, word[begin:i+1]), i+1
	}
	return append(parts, word[begin:])
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// few returns up to three names, or how many there are: "23 inputs".
func few(names []string, noun string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(slices.Clone(names), ", ")
	}
	return count(len(names)) + " " + noun
}

// withoutEmpty leaves out the named columns that have nothing but zeros or dashes.
func withoutEmpty(header string, rows [][]string, names ...string) (string, [][]string) {
	titles := strings.Fields(header)
	for c := len(titles) - 1; c >= 0; c-- {
		if !slices.Contains(names, titles[c]) || slices.ContainsFunc(rows, func(row []string) bool { return row[c] != "0" && row[c] != "-" }) {
			continue
		}
		titles = slices.Delete(titles, c, c+1)
		for r := range rows {
			rows[r] = slices.Delete(rows[r], c, c+1)
		}
	}
	return strings.Join(titles, " "), rows
}
