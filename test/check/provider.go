package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/payonce/payonce/provider/simulator"
)

// Charge is one of the provider's charges.
type Charge struct {
	ID             string            `json:"id"`
	IdempotencyKey string            `json:"idempotency_key"`
	Amount         int64             `json:"amount"`
	Currency       string            `json:"currency"`
	Status         string            `json:"status"`
	Requests       int               `json:"requests"` // calls seen under the key
	Metadata       map[string]string `json:"metadata"`
	AmountCaptured int64             `json:"amount_captured"`
	AmountRefunded int64             `json:"amount_refunded"` // pending ones included
}

// ReadCharges reads the simulator's charges: from its admin listener (http://host:port), from a file that holds what
// GET /simulator/charges says there, or from its data folder, which it may still be writing.
func ReadCharges(ctx context.Context, from string) ([]Charge, error) {
	charges, err := readBook(ctx, from)
	if err != nil {
		return nil, fmt.Errorf("read the provider's charges: %w", err)
	}
	return charges, nil
}

func readBook(ctx context.Context, from string) ([]Charge, error) {
	if strings.HasPrefix(from, "http://") || strings.HasPrefix(from, "https://") {
		return fetchBook(ctx, strings.TrimSuffix(from, "/"))
	}
	info, err := os.Stat(from)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return replayBook(ctx, from)
	}
	file, err := os.Open(from)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return decodeBook(file)
}

func decodeBook(from io.Reader) ([]Charge, error) {
	var list struct {
		Data []Charge `json:"data"`
	}
	if err := json.NewDecoder(from).Decode(&list); err != nil {
		return nil, err
	}
	if list.Data == nil {
		return nil, errors.New("it holds no list of charges")
	}
	return list.Data, nil
}

func fetchBook(ctx context.Context, url string) ([]Charge, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/simulator/charges", nil)
	if err != nil {
		return nil, err
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(resp.Status)
	}
	return decodeBook(resp.Body)
}

// replayBook lets a simulator of our own read a copy of the book.
func replayBook(ctx context.Context, folder string) (charges []Charge, err error) {
	content, err := os.ReadFile(filepath.Join(folder, "book.jsonl"))
	if err != nil {
		return nil, err
	}
	copied, err := os.MkdirTemp("", "payonce-book-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(copied)) }()
	if err := os.WriteFile(filepath.Join(copied, "book.jsonl"), content, 0o600); err != nil {
		return nil, err
	}
	s, err := simulator.Open(simulator.Config{Dir: copied})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	recorder := httptest.NewRecorder()
	s.AdminHandler().ServeHTTP(recorder, httptest.NewRequestWithContext(ctx, http.MethodGet, "/simulator/charges", nil))
	return decodeBook(recorder.Body)
}
