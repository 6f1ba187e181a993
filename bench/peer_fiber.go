package main

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/session"
	"github.com/valyala/fasthttp"
)

// fiberPeer is gofiber with its session middleware and its memory storage.
var fiberPeer = &peer{
	name:   "fiber",
	start:  startFiber,
	stores: true,
	counts: true,
	alone:  true,
}

type fiberServer struct{ store *session.Store }

func startFiber(calls *calls) server {
	store := session.NewStore()
	if calls != nil {
		store.Storage = &fiberCountingStorage{store.Storage, calls}
	}
	return &fiberServer{store}
}

func (s *fiberServer) client(t task, cookie string) client {
	app := fiber.New()
	app.Use(session.New(session.Config{Store: s.store}))
	app.Get("/", func(c fiber.Ctx) error {
		if t.kind == leave {
			_, err := c.Write(ok)
			return err
		}
		sess := session.FromContext(c)
		switch t.kind {
		case read:
			if value, _ := sess.Get(t.data.probe).(string); !t.good(value) {
				return c.SendStatus(fiber.StatusConflict)
			}
		case write:
			sess.Set(t.data.probe, t.next())
		case seed:
			for i, name := range t.data.names {
				sess.Set(name, t.data.value(i))
			}
		case show:
			value, _ := sess.Get(t.data.probe).(string)
			return c.SendString(value)
		}
		_, err := c.Write(ok)
		return err
	})
	f := &fiberClient{handler: app.Handler()}
	f.ctx.Request.Header.SetMethod(fiber.MethodGet)
	f.ctx.Request.SetRequestURI("https://example.com/")
	f.ctx.Request.Header.Set("User-Agent", "bench")
	f.ctx.Request.Header.Set("Accept", "*/*")
	if cookie != "" {
		f.ctx.Request.Header.Set("Cookie", cookie)
	}
	return f
}

func (s *fiberServer) close() { s.store.Storage.Close() }

// A fiberClient hands requests to fiber as fasthttp's server would.
type fiberClient struct {
	handler fasthttp.RequestHandler
	ctx     fasthttp.RequestCtx
}

func (f *fiberClient) send() {
	f.ctx.Response.Reset()
	f.ctx.ResetUserValues()
	f.handler(&f.ctx)
}

func (f *fiberClient) last() answer {
	r := &f.ctx.Response
	return answer{r.StatusCode(), string(r.Body()), string(r.Header.Peek("Set-Cookie"))}
}

type fiberCountingStorage struct {
	fiber.Storage
	calls *calls
}

func (s *fiberCountingStorage) GetWithContext(ctx context.Context, key string) ([]byte, error) {
	s.calls.loads.Add(1)
	return s.Storage.GetWithContext(ctx, key)
}

func (s *fiberCountingStorage) SetWithContext(ctx context.Context, key string, value []byte, d time.Duration) error {
	s.calls.saves.Add(1)
	return s.Storage.SetWithContext(ctx, key, value, d)
}

func (s *fiberCountingStorage) DeleteWithContext(ctx context.Context, key string) error {
	s.calls.deletes.Add(1)
	return s.Storage.DeleteWithContext(ctx, key)
}
