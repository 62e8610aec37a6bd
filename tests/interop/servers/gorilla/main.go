// gorilla --port N --tls-port N --cert FILE --key FILE: an echo server, gorilla/websocket.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"

	"github.com/gorilla/websocket"
)

var upgrader = websocket.Upgrader{EnableCompression: true, Subprotocols: []string{"echo.interop"}}

func echo(w http.ResponseWriter, r *http.Request) {
	socket, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		log.Print(err)
		return
	}
	defer socket.Close()
	for {
		kind, message, err := socket.ReadMessage()
		if err != nil {
			return
		}
		if kind == websocket.TextMessage && string(message) == "close" {
			kind, message = websocket.CloseMessage, websocket.FormatCloseMessage(4001, "so long")
		}
		if err := socket.WriteMessage(kind, message); err != nil {
			log.Print(err)
			return
		}
	}
}

func main() {
	port := flag.Int("port", 0, "")
	tlsPort := flag.Int("tls-port", 0, "")
	cert := flag.String("cert", "", "")
	key := flag.String("key", "", "")
	flag.Parse()
	http.HandleFunc("/", echo)
	at := func(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
	go func() { log.Fatal(http.ListenAndServe(at(*port), nil)) }()
	log.Fatal(http.ListenAndServeTLS(at(*tlsPort), *cert, *key, nil))
}
