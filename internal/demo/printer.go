package demo

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// width is what every line keeps to.
const width = 80

// printer writes the text for people; silent, it writes nothing.
type printer struct {
	out    io.Writer
	silent bool
	paint  bool
}

func newPrinter(out io.Writer, silent bool) *printer {
	return &printer{out: out, silent: silent, paint: isTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// The colours (ECMA-48, SGR).
const (
	bold  = "1"
	faint = "2"
	red   = "31"
	green = "32"
	title = "1;36"
)

func (p *printer) colour(code, text string) string {
	if !p.paint {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p *printer) line(parts ...string) {
	if !p.silent {
		_, _ = fmt.Fprintln(p.out, strings.TrimRight(strings.Join(parts, ""), " ")) // the reader may have gone
	}
}

func (p *printer) title() {
	p.line()
	p.line("  ", p.colour(title, "payonce"), p.colour(bold, ": a payment that is sent twice is made once"))
	p.line()
	for _, text := range []string{
		"Every scene pays one order of " + money(price) + " twice over: WITHOUT protection, at a",
		"service as it is often written (is the order paid? charge, write it down), and",
		"WITH payonce, whose clients name each payment by a key of their own and send",
		"the same key with every copy. Both are real processes. One payment provider",
		"charges for both, and its own book is what is counted.",
	} {
		p.line("  ", text)
	}
	p.line()
	p.line("  ", p.colour(faint, "executed: it was done now. replayed: the first answer again, byte for byte."))
	p.line()
}

func (p *printer) cast(s *stage, took time.Duration) {
	for _, source := range []string{s.postgres.Source(), s.redis.Source()} {
		p.line("  ", p.colour(faint, fit("· "+source, width-2)))
	}
	p.line("  ", p.colour(faint, fit(fmt.Sprintf("· 2 replicas of each service, 1 provider; all up in %.1f s", took.Seconds()), width-2)))
}

func (p *printer) scene(number int, sc scene) {
	head := fmt.Sprintf("%d  %s ", number, sc.name)
	p.line()
	p.line("  ", p.colour(title, head), p.colour(faint, strings.Repeat("─", width-2-utf8.RuneCountInString(head))))
	for text := range strings.SplitSeq(sc.story, "\n") {
		p.line("  ", p.colour(faint, text))
	}
	p.line()
}

const (
	column = 38 // one side; two of them, a margin and a gap make 80
	whoLen = 10
	numLen = 6
)

// sides shows what both sides were sent and said, and what it cost.
func (p *printer) sides(sc sceneReport) {
	p.line("  ", p.colour(bold, fit("WITHOUT", column)), "  ", p.colour(bold, "WITH PAYONCE"))
	left, right := sc.Without.Steps, sc.With.Steps
	for i := range max(len(left), len(right)) {
		p.line("  ", p.step(left, i, ""), "  ", p.step(right, i, green))
	}
	p.line("  ", p.sum(sc.Without, sc.Without.Charges == 1), "  ", p.sum(sc.With, sc.PromiseHeld))
	for _, breach := range sc.With.Breaches {
		for _, text := range wrap("BROKEN: "+breach, width-4) {
			p.line("  ", p.colour(red, text))
		}
	}
}

// step is one line of a side; done is the colour of what was executed.
func (p *printer) step(steps []step, i int, done string) string {
	if i >= len(steps) {
		return strings.Repeat(" ", column)
	}
	s := steps[i]
	who, status := s.Who, "──"
	if i > 0 && steps[i-1].Who == who {
		who = ""
	}
	if s.Status != 0 {
		status = fmt.Sprint(s.Status)
	}
	if s.Count > 1 || i+1 < len(steps) && steps[i+1].Who == s.Who {
		status = fmt.Sprintf("%d×%s", s.Count, status)
	}
	says := fit(s.Says, column-whoLen-numLen-3)
	switch {
	case s.Says == chargedAgain:
		says = p.colour(red, says)
	case s.Outcome == executed && done != "":
		says = p.colour(done, says)
	case s.Outcome == lost:
		says = p.colour(bold, says)
	case s.Outcome == refused:
		says = p.colour(faint, says)
	}
	return fit(who, whoLen) + " " + strings.Repeat(" ", max(0, numLen-utf8.RuneCountInString(status))) + status + "  " + says
}

// sum is the last line of a side.
func (p *printer) sum(r result, good bool) string {
	mark, code := "✗ ", red
	if good {
		mark, code = "✓ ", green
	}
	return p.colour("1;"+code, fit(mark+charges(r.Charges)+", "+money(r.Amount), column))
}

func (p *printer) verdict(r report) {
	p.line()
	p.line("  ", p.colour(faint, strings.Repeat("─", width-2)))
	const form = "  %-38s %4s %12s   %4s %12s"
	p.line(p.colour(bold, fmt.Sprintf(form, "Charged by the provider", "", "WITHOUT", "", "WITH PAYONCE")))
	for _, sc := range r.Scenes {
		p.line(fmt.Sprintf(form, fmt.Sprintf("%d  %s", sc.Number, sc.Name), fmt.Sprintf("%d×", sc.Without.Charges), money(sc.Without.Amount),
			fmt.Sprintf("%d×", sc.With.Charges), money(sc.With.Amount)))
	}
	orders := len(r.Scenes)
	p.line(p.colour(bold, fmt.Sprintf(form, fmt.Sprintf("   %d orders of %s", orders, money(r.OrderAmount)),
		fmt.Sprintf("%d×", r.Without.Charges), money(r.Without.Amount), fmt.Sprintf("%d×", r.With.Charges), money(r.With.Amount))))
	p.line()
	if r.PromiseHeld {
		p.line("  ", p.colour("1;"+green, fmt.Sprintf("✓ The promise held: %d orders, %s, %s.", orders, charges(r.With.Charges), money(r.With.Amount))))
	} else {
		p.line("  ", p.colour("1;"+red, fmt.Sprintf("✗ The promise is broken: %d orders, %s, %s.", orders, charges(r.With.Charges), money(r.With.Amount))))
	}
	p.line("    Without protection the same customers paid ", money(r.Without.Amount-int64(orders)*r.OrderAmount), " too much.")
	for _, sc := range r.Scenes {
		if sc.Without.Charges != sc.Without.Expected { // it is counted, not claimed
			p.line(fmt.Sprintf("    Scene %d: the plain service made %s this time, not %d.", sc.Number, charges(sc.Without.Charges), sc.Without.Expected))
		}
	}
	p.line()
	p.line("  ", p.colour(faint, fmt.Sprintf("%.1f s. Try it by hand: go run .", r.Seconds)))
	p.line()
}

func charges(n int) string {
	if n == 1 {
		return "1 charge"
	}
	return fmt.Sprintf("%d charges", n)
}

func money(cents int64) string { return fmt.Sprintf("%d.%02d %s", cents/100, cents%100, currency) }

// fit is text in exactly so many columns.
func fit(text string, columns int) string {
	if n := utf8.RuneCountInString(text); n <= columns {
		return text + strings.Repeat(" ", columns-n)
	}
	return string([]rune(text)[:columns-1]) + "…"
}

// wrap breaks text at spaces, and a word that is longer than a line anywhere.
func wrap(text string, columns int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		for part := range slices.Chunk([]rune(word), columns) {
			if line != "" && utf8.RuneCountInString(line)+1+len(part) > columns {
				lines, line = append(lines, line), ""
			}
			line = strings.TrimSpace(line + " " + string(part))
		}
	}
	return append(lines, line)
}
