package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/internal/wire"
)

const jsonType = "application/json; charset=utf-8"

// reply answers a request that changed nothing.
func reply(c *gin.Context, document any) error {
	body, err := wire.Encode(document)
	if err != nil {
		return err
	}
	c.Data(http.StatusOK, jsonType, body)
	return nil
}
