package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"time"

	"github.com/payonce/payonce/internal/config"
)

// errInterrupted is how a run ends that was told to: by Ctrl-C, by SIGTERM.
var errInterrupted = errors.New("the demo was interrupted; nothing of it is left")

// Run plays every scene and writes what happened to out, as text or as one JSON document. An error says that the promise
// was broken, or that the demo could not be played. log gets what a slow start waits for. When it returns, everything that it started is gone.
func Run(ctx context.Context, c *config.Demo, log *slog.Logger, out io.Writer) (err error) {
	began := time.Now()
	show := newPrinter(out, c.JSON)
	show.title()
	s, err := openStage(ctx, c, log)
	if err != nil {
		return interrupted(ctx, err)
	}
	defer func() { err = errors.Join(err, s.close()) }()
	show.cast(s, time.Since(began))
	doc := report{Currency: currency, OrderAmount: price, PromiseHeld: true, Breaches: []string{}}
	for i, sc := range scenes() {
		show.scene(i+1, sc)
		played, err := s.playBoth(ctx, sc)
		if err != nil {
			return interrupted(ctx, err)
		}
		played.Number = i + 1
		show.sides(played)
		doc.add(played)
	}
	if err := s.recount(ctx, &doc); err != nil {
		return interrupted(ctx, err)
	}
	doc.Seconds = math.Round(time.Since(began).Seconds()*100) / 100
	if c.JSON {
		if err := json.NewEncoder(out).Encode(doc); err != nil {
			return err
		}
	}
	show.verdict(doc)
	if !doc.PromiseHeld {
		return fmt.Errorf("the promise is broken: %s", doc.Breaches[0])
	}
	return nil
}

// recount finds charges that were made when their scene was over.
func (s *stage) recount(ctx context.Context, doc *report) error {
	charges, err := s.provider.charges(ctx)
	if err != nil {
		return err
	}
	made := 0
	for _, c := range charges {
		if c.Metadata["merchant_id"] == s.with.merchant {
			made++
		}
	}
	if made != doc.With.Charges {
		doc.breach(fmt.Sprintf("at the end the provider's book shows %d charges, not %d", made, doc.With.Charges))
	}
	return nil
}

func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

// playBoth plays a scene on both sides, one after the other, so that each has the machine and the provider's barriers to itself.
func (s *stage) playBoth(ctx context.Context, sc scene) (sceneReport, error) {
	without, err := s.perform(ctx, sc, s.without)
	if err != nil {
		return sceneReport{}, err
	}
	with, err := s.perform(ctx, sc, s.with)
	if err != nil {
		return sceneReport{}, err
	}
	return sceneReport{
		Name: sc.name, Story: strings.ReplaceAll(sc.story, "\n", " "), Without: without, With: with, PromiseHeld: len(with.Breaches) == 0,
	}, nil
}
