// Package postman runs the Postman collection of docs/postman with newman, Postman's own runner, and shows that Postman imports the
// API's description. Its tools are pinned in package-lock.json, and installed by `npm ci` in this folder.
package postman
