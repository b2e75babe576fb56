package demopage

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/internal/problem"
)

const (
	// countPause is the pause between two looks into the provider's book while a page is open.
	countPause = 200 * time.Millisecond
	// writeLimit is how long a page may take to read an event. The server's own limit is for answers that end.
	writeLimit = 15 * time.Second
	heartbeat  = 15 * time.Second
)

// stream tells a page what happens, as server-sent events. A page whose connection was lost says which event it had last.
func (p *Page) stream(c *gin.Context) {
	s := p.watch.find(c.Param("id"))
	if s == nil {
		p.Fail(c, problem.New(problem.CodeNotFound, "There is no such session; the page opens another one."))
		return
	}
	last, _ := strconv.Atoi(c.GetHeader("Last-Event-ID")) // none: from the beginning
	c.Header("Content-Type", "text/event-stream")
	c.Writer.WriteHeaderNow()
	if c.Request.Method == http.MethodHead {
		return
	}
	counting, beating := time.NewTicker(countPause), time.NewTicker(heartbeat)
	defer counting.Stop()
	defer beating.Stop()
	text := ": these are the events of one demo page\n\n"
	for {
		news, changed := s.since(last)
		for _, e := range news {
			text += lines(e)
			last = e.ID
		}
		if !send(c, text) {
			return
		}
		text = ""
		select {
		case <-changed:
		case <-counting.C:
			p.watch.find(s.id) // in use
			p.count(c.Request.Context(), s)
		case <-beating.C:
			text = ": still here\n\n"
		case <-c.Request.Context().Done():
			return
		case <-p.watch.closing:
			return
		}
	}
}

// lines are one event (HTML, section 9.2.5: Parsing an event stream).
func lines(e Event) string {
	data, err := json.Marshal(e)
	if err != nil {
		return "" // texts and numbers can be encoded
	}
	return fmt.Sprintf("id: %d\ndata: %s\n\n", e.ID, data)
}

func send(c *gin.Context, text string) bool {
	if text == "" {
		return true
	}
	control := http.NewResponseController(c.Writer)
	if err := control.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return false
	}
	if _, err := c.Writer.WriteString(text); err != nil {
		return false
	}
	return control.Flush() == nil
}
