package jsonjudge

import (
	"math/big"
	"regexp"
	"strings"
)

// Number is a JSON number, exactly: Mantissa × 10^Exponent. The mantissa does not end in zero; zero has the exponent 0.
// Kept apart, the two are small also where their product would not fit into memory.
type Number struct {
	Mantissa, Exponent *big.Int
	Digits             int  // that it is written with, without those of the exponent
	Integer            bool // it is written without a fraction and without an exponent
}

// ParseNumber reads a number that follows the grammar of RFC 8259, section 6.
func ParseNumber(text string) Number {
	mantissa, power, _ := strings.Cut(strings.ToLower(text), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	n := Number{
		Mantissa: integer(whole + fraction), Exponent: integer("0"),
		Digits:  len(strings.TrimPrefix(whole, "-")) + len(fraction),
		Integer: regexp.MustCompile(`^-?\d+$`).MatchString(text),
	}
	if n.Mantissa.Sign() == 0 {
		return n
	}
	if power != "" {
		n.Exponent = integer(power)
	}
	n.Exponent.Sub(n.Exponent, big.NewInt(int64(len(fraction))))
	digits := n.Mantissa.String()
	zeros := len(digits) - len(strings.TrimRight(digits, "0"))
	n.Mantissa = integer(digits[:len(digits)-zeros])
	n.Exponent.Add(n.Exponent, big.NewInt(int64(zeros)))
	return n
}

func integer(text string) *big.Int {
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		panic("jsonjudge: no number: " + text)
	}
	return n
}

// Equal says whether two numbers have the same value.
func (n Number) Equal(other Number) bool {
	return n.Mantissa.Cmp(other.Mantissa) == 0 && n.Exponent.Cmp(other.Exponent) == 0
}

// Fits says whether it is written as an integer and lies between least and most.
func (n Number) Fits(least, most *big.Int) bool {
	if !n.Integer || n.Digits > 100 {
		return false
	}
	value := new(big.Int).Mul(n.Mantissa, new(big.Int).Exp(big.NewInt(10), n.Exponent, nil))
	return value.Cmp(least) >= 0 && value.Cmp(most) <= 0
}
