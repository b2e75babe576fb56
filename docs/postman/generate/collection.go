package main

// What follows is Postman's collection format 2.1 (schema.getpostman.com), as far as it is written here.

type collection struct {
	Info     info       `json:"info"`
	Auth     *auth      `json:"auth"`
	Event    []event    `json:"event"`
	Variable []variable `json:"variable"`
	Item     []item     `json:"item"`
}

type info struct {
	ID          string `json:"_postman_id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Schema      string `json:"schema"`
}

// item is a folder (Item) or a request (Request).
type item struct {
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	Item        []item    `json:"item,omitempty"`
	Event       []event   `json:"event,omitempty"`
	Behavior    *behavior `json:"protocolProfileBehavior,omitempty"`
	Request     *httpCall `json:"request,omitempty"`
}

type behavior struct {
	FollowRedirects bool `json:"followRedirects"`
}

type httpCall struct {
	Description string    `json:"description,omitempty"`
	Auth        *auth     `json:"auth,omitempty"`
	Method      string    `json:"method"`
	Header      []setting `json:"header"`
	Body        *body     `json:"body,omitempty"`
	URL         address   `json:"url"`
}

type address struct {
	Raw      string    `json:"raw"`
	Host     []string  `json:"host"`
	Path     []string  `json:"path,omitempty"`
	Query    []setting `json:"query,omitempty"`
	Variable []setting `json:"variable,omitempty"`
}

// setting is a header, a parameter, or a field of a form.
type setting struct {
	Key         string `json:"key"`
	Value       string `json:"value"`
	Description string `json:"description,omitempty"`
	Disabled    bool   `json:"disabled,omitempty"`
}

type body struct {
	Mode       string        `json:"mode"`
	Raw        string        `json:"raw,omitempty"`
	URLEncoded []setting     `json:"urlencoded,omitempty"`
	Options    *bodyLanguage `json:"options,omitempty"`
}

type bodyLanguage struct {
	Raw language `json:"raw"`
}

type language struct {
	Language string `json:"language"`
}

type auth struct {
	Type   string     `json:"type"`
	Bearer []variable `json:"bearer,omitempty"`
}

func bearer(token string) *auth {
	return &auth{Type: "bearer", Bearer: []variable{{Key: "token", Value: token, Type: "string"}}}
}

type event struct {
	Listen string `json:"listen"` // prerequest or test
	Script script `json:"script"`
}

type script struct {
	Type string   `json:"type"`
	Exec []string `json:"exec"`
}

func scripted(listen string, lines []string) event {
	return event{Listen: listen, Script: script{Type: "text/javascript", Exec: lines}}
}

type variable struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	Type  string `json:"type"`
}

// environment is what a person sets once per service.
type environment struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Values []entry `json:"values"`
	Scope  string  `json:"_postman_variable_scope"`
}

type entry struct {
	Key         string `json:"key"`
	Value       string `json:"value"`
	Type        string `json:"type"` // default, or secret, which Postman hides
	Description string `json:"description"`
	Enabled     bool   `json:"enabled"`
}
