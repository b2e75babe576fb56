package provider

// page reads one page of a list, and returns the reference to page on from ("" on the last page). One object that can't be
// read makes the page unreadable: it could be the one that is looked for.
func (k kind[T]) page(rep reply, after string) (objects []*T, next string, err error) {
	if !isJSON(rep.contentType) {
		return nil, "", errNotJSON
	}
	list, err := parseList(rep.body)
	if err != nil {
		return nil, "", err
	}
	for _, raw := range list.Data {
		object, err := k.parse(raw)
		if err != nil {
			return nil, "", err
		}
		objects, next = append(objects, object), k.reference(object)
	}
	switch {
	case !*list.HasMore:
		return objects, "", nil
	case next == after:
		return nil, "", errNotList // the same page would come for ever
	}
	return objects, next, nil
}
