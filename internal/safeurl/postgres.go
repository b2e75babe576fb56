package safeurl

import (
	"net/url"
	"slices"
	"strings"
)

// Postgres checks a database's address: a URL, or the keywords and values that libpq takes as well. It reads them like libpq
// and pgx: the user and password end at the first @ before a slash.
func Postgres(raw string) error {
	scheme, rest, isURL := strings.Cut(raw, "://")
	switch {
	case !isURL && strings.Contains(raw, "="):
		return checkKeywords(raw)
	case scheme != "postgres" && scheme != "postgresql":
		return &Error{"want a URL such as postgres://USER:PASSWORD@HOST:5432/DATABASE"}
	}
	if err := wellWritten(rest); err != nil {
		return err
	}
	before, _, _ := strings.Cut(rest, "/")
	if _, afterUser, ok := strings.Cut(before, "@"); ok {
		rest = rest[len(before)-len(afterUser):]
	}
	hosts, database := rest, ""
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		hosts, database = rest[:i], rest[i:]
	}
	for host := range strings.SplitSeq(hosts, ",") {
		if err := checkHost(host); err != nil && !isSocket(host) {
			return err
		}
	}
	database, query, hasQuery := strings.Cut(database, "?")
	switch {
	case strings.ContainsAny(database, "@#"):
		return refuse("the name of its database holds an @ or a #")
	case hasQuery && query != "":
		return checkParameters(query)
	}
	return nil
}

// isSocket: the folder of a Unix socket as a host, each slash of it escaped.
func isSocket(host string) bool {
	path, err := url.PathUnescape(host)
	return err == nil && strings.HasPrefix(host, "%2") && strings.HasPrefix(path, "/") && !strings.Contains(path, "@")
}

func checkParameters(query string) error {
	var pairs [][2]string
	for piece := range strings.SplitSeq(query, "&") {
		name, value, ok := strings.Cut(piece, "=")
		if !ok || strings.Contains(value, "#") {
			return refuse("one of its parameters is not NAME=VALUE")
		}
		plain, err := url.QueryUnescape(value)
		if err != nil {
			return refuse("one of its parameters is not well-formed")
		}
		pairs = append(pairs, [2]string{name, plain})
	}
	return checkPairs(pairs)
}

// checkPairs: where a password is one of the parameters, an unknown name could be a part of it, which the server would
// repeat when it refuses the parameter.
func checkPairs(pairs [][2]string) error {
	secret := slices.ContainsFunc(pairs, func(pair [2]string) bool { return isPassword(pair[0]) })
	for _, pair := range pairs {
		name, value := pair[0], pair[1]
		switch {
		case !plainName.MatchString(name) || secret && !isKnown(name):
			return refuse("it has a parameter that is not known")
		case strings.HasPrefix(name, "host") && strings.Contains(value, "@"):
			return refuse("its host holds an @")
		case !isPassword(name) && name != "user" && strings.Contains(value, "@"):
			return refuse("one of its parameters holds an @")
		case name == "port" && strings.Trim(value, "0123456789,") != "":
			return refuse("its port is not a number")
		}
	}
	return nil
}

// isKnown: the parameters of libpq and pgx, and the server's that are set in an address.
func isKnown(name string) bool {
	return slices.Contains(strings.Fields(`host hostaddr port database dbname user password passfile connect_timeout
		sslmode sslkey sslcert sslrootcert sslcrl sslpassword sslsni sslnegotiation sslcompression ssl_min_protocol_version
		ssl_max_protocol_version krbspn krbsrvname gssencmode gsslib target_session_attrs load_balance_hosts service servicefile
		application_name fallback_application_name options client_encoding channel_binding require_auth min_protocol_version
		max_protocol_version keepalives keepalives_idle keepalives_interval keepalives_count tcp_user_timeout search_path
		statement_timeout lock_timeout idle_in_transaction_session_timeout timezone TimeZone default_query_exec_mode
		statement_cache_capacity description_cache_capacity`), name)
}

func checkKeywords(raw string) error {
	pairs, ok := keywords(raw)
	if !ok {
		return &Error{`want NAME=VALUE and spaces between them; put a value with a space into single quotes, and write ' and \ in it as \' and \\`}
	}
	for _, pair := range pairs {
		if !isKnown(pair[0]) {
			return &Error{`it has a parameter that is not known; put a value with a space into single quotes, and write ' and \ in it as \' and \\`}
		}
	}
	return checkPairs(pairs)
}

// keywords reads libpq's other form (PostgreSQL's documentation, "Keyword/Value Connection Strings").
func keywords(raw string) (pairs [][2]string, ok bool) {
	for rest := strings.TrimLeft(raw, " \t\n\r"); rest != ""; rest = strings.TrimLeft(rest, " \t\n\r") {
		name, after, found := strings.Cut(rest, "=")
		name = strings.TrimRight(name, " \t\n\r")
		if !found || !plainName.MatchString(name) {
			return pairs, false
		}
		var value string
		if value, rest, found = keywordValue(strings.TrimLeft(after, " \t\n\r")); !found {
			return pairs, false
		}
		pairs = append(pairs, [2]string{name, value})
	}
	return pairs, true
}

// keywordValue reads a value, in quotes or up to the next space; a backslash takes the next character as it is.
func keywordValue(text string) (value, rest string, ok bool) {
	quoted := strings.HasPrefix(text, "'")
	if quoted {
		text = text[1:]
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case quoted && c == '\'':
			rest = text[i+1:]
			return b.String(), rest, rest == "" || strings.ContainsRune(" \t\n\r", rune(rest[0]))
		case !quoted && strings.ContainsRune(" \t\n\r", rune(c)):
			return b.String(), text[i:], true
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", !quoted
}
