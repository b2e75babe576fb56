package main

import (
	"math"
	"slices"
)

// aim is a ratio of two variants that is wanted at least.
type aim struct {
	variant, baseline string
	least             float64 // zero: shown for comparison
}

// aims are what was decided before anything was measured.
var aims = []aim{
	{firstOrder, plainOrder, 1.1},
	{limitedOrder, firstOrder, 0},
	{sealedOrder, firstOrder, 0},
	{deliveredOrder, firstOrder, 0},
	{twoReplicas, firstOrder, 0},
	{threeReplicas, firstOrder, 0},
	{firstPayment, plainPayment, 2.0},
	{firstPayment, plainPaymentAt, 1.3},
	{firstCapture, plainCapture, 0},
	{firstRefund, plainRefund, 0},
	{replayMemory, edgeHandler, 0.9},
	{edgeHandler, bareHandler, 0.85},
	{replayMemory, bareHandler, 0},
	{replayRedis, oneGet, 0.85},
	{replayPostgres, oneSelect, 0.85},
	{replayPostgres, oneSelectSQL, 0},
	{ownProtectTx, ownPlain, 0.75},
	{ownProtectAlone, ownPlain, 0.75},
	{ownDo, ownPlain, 0.75},
	{ownProtect, ownPlain, 0},
	{ownProtectGORM, ownPlain, 0},
	{ownAutocommit, ownPlain, 0},
	{ownNaive, ownPlain, 0},
	{otherFiber, ownPlain, 0},
	{otherTx, ownPlain, 0},
	{otherStep, ownPlain, 0},
	{ownCall, ownPlainCall, 0.8},
	{ownNaiveCall, ownPlainCall, 0},
	{otherExternal, ownPlainCall, 0},
}

// spread is a figure with how far it can be trusted.
type spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"` // quartiles over the rounds
	High   float64 `json:"high"`
}

func spreadOf(values []float64) spread {
	return spread{median(values), quantile(values, 0.25), quantile(values, 0.75)}
}

// verdict is what became of an aim.
type verdict struct {
	Name    string `json:"name"`
	Value   spread `json:"value"`
	Want    string `json:"want,omitempty"` // ">= 0.80"; empty: shown for comparison
	Reached bool   `json:"reached"`
	Unit    string `json:"unit,omitempty"`
	// Processor is the same ratio by the processor time of servers and stores: what a machine that does nothing else would
	// tend to, if only processors bounded it. The load's own cost is not in it.
	Processor float64 `json:"processor_time_ratio,omitempty"`
	limit     float64 // of the value, a least one if positive, a most one if negative
}

// judge sets whether the median keeps to the limit.
func (v verdict) judge() verdict {
	switch {
	case v.limit > 0:
		v.Want, v.Reached = ">= "+short(v.limit), v.Value.Median >= v.limit
	case v.limit < 0:
		v.Want, v.Reached = "<= "+short(-v.limit), v.Value.Median <= -v.limit
	}
	return v
}

// verdicts compares variants with their baselines, round by round.
func verdicts(all []*figures) []verdict {
	var list []verdict
	for _, a := range aims {
		over, under := find(all, a.variant), find(all, a.baseline)
		if over == nil || under == nil {
			continue
		}
		list = append(list, verdict{
			Name: a.variant + " / " + a.baseline, Value: spreadOf(ratios(over.rates(), under.rates())),
			Processor: median(ratios(under.processor(), over.processor())), limit: a.least,
		}.judge())
	}
	return list
}

func find(all []*figures, name string) *figures {
	at := slices.IndexFunc(all, func(f *figures) bool { return f.name == name })
	if at < 0 {
		return nil
	}
	return all[at]
}

func ratios(over, under []float64) []float64 {
	out := make([]float64, min(len(over), len(under)))
	for i := range out {
		out[i] = over[i] / under[i]
	}
	return out
}

func median(values []float64) float64 { return quantile(values, 0.5) }

// quantile interpolates between neighbours; zero of nothing.
func quantile(values []float64, part float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	at := part * float64(len(sorted)-1)
	low := int(math.Floor(at))
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (sorted[high]-sorted[low])*(at-float64(low))
}
