package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/payonce/payonce/bench/load"
)

// copies sends many copies of one request, from a process of its own: among a thousand of them, the benchmark's other
// requests would wait for their own process. It says "ready", waits for a line, and says how many milliseconds it took.
func copies(ctx context.Context, args []string) error {
	if len(args) != 4 {
		return errors.New("want an address, a number, a time and a request in base64")
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	within, err := time.ParseDuration(args[2])
	if err != nil {
		return err
	}
	request, err := base64.StdEncoding.DecodeString(args[3])
	if err != nil {
		return err
	}
	crowd, err := load.Gather(ctx, args[0], n, request)
	if err != nil {
		return err
	}
	defer crowd.Close()
	_, _ = fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return fmt.Errorf("wait for the moment: %w", err)
	}
	took, err := crowd.Send(ctx, within)
	if err == nil {
		_, _ = fmt.Println(took.Milliseconds())
	}
	return err
}
