package servers

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// redisDo sends a command to a Redis and returns the answer: a string, or several with a
// newline between them.
func redisDo(addr string, args ...string) (string, error) {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	var request strings.Builder
	fmt.Fprintf(&request, "*%d\r\n", len(args))
	for _, arg := range args {
		fmt.Fprintf(&request, "$%d\r\n%s\r\n", len(arg), arg)
	}
	if _, err := io.WriteString(conn, request.String()); err != nil {
		return "", err
	}
	answer, err := redisAnswer(bufio.NewReader(conn))
	if err != nil {
		return "", fmt.Errorf("%s: %s: %w", addr, strings.Join(args, " "), err)
	}
	return answer, nil
}

func redisAnswer(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return "", errors.New("an empty line instead of an answer")
	}
	n, _ := strconv.Atoi(line[1:])
	switch line[0] {
	case '+', ':':
		return line[1:], nil
	case '-':
		return "", errors.New(line[1:])
	case '$':
		text := make([]byte, max(n, 0)+2)
		if n < 0 { // there is no such thing
			return "", nil
		}
		_, err := io.ReadFull(r, text)
		return string(text[:n]), err
	case '*':
		var list []string
		for range n {
			item, err := redisAnswer(r)
			if err != nil {
				return "", err
			}
			list = append(list, item)
		}
		return strings.Join(list, "\n"), nil
	}
	return "", fmt.Errorf("%q is no answer of a Redis", line)
}
