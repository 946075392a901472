// empty_gif (ngx_http_empty_gif_module): a transparent GIF of one pixel, from memory.
#include "nginx/modules.h"
#include "nginx/request.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using http::Method;
using http::Name;
using proxy::Cursor;
using proxy::Next;
using proxy::Transaction;

struct GifConf {
  bool on = false;
};

// GIF89a, 1 x 1, one black colour of two, which is transparent.
constexpr unsigned char kGif[] = {
    'G',  'I',  'F',  '8',  '9',  'a',  0x01, 0x00, 0x01, 0x00, 0x80, 0x01, 0x00, 0x00, 0x00,
    0x00, 0xff, 0xff, 0xff, 0x21, 0xf9, 0x04, 0x01, 0x00, 0x00, 0x01, 0x00, 0x2c, 0x00, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x01, 0x00, 0x00, 0x02, 0x02, 0x4c, 0x01, 0x00, 0x3b,
};
// It never changes; this date has been its age since the module exists.
constexpr Str kLastModified = "Mon, 28 Sep 1970 06:00:00 GMT";

void bind_gif(void* s, const Directive&, const Row&) {
  static_cast<GifConf*>(static_cast<Scope*>(s)->conf)->on = true;
}

Next send_gif(Transaction& txn, Cursor&, const void*) {
  Method method = txn.request.method;
  if (method != Method::get && method != Method::head) return finish_with(txn, 405);
  txn.discard_response();
  http::Message& m = txn.response;
  m.headers.clear();
  m.trailers.clear();
  m.version = 11;
  m.status = 200;
  m.reason = {};
  m.body = http::Body::length;
  m.upgrade = false;
  m.headers.add("Content-Type", "image/gif", Name::content_type);
  m.headers.add("Last-Modified", kLastModified, Name::last_modified);
  return txn.reply_head({reinterpret_cast<const char*>(kGif), sizeof kGif});
}

void compile_gif(Scope&, Location& l, void* conf) {
  if (!static_cast<GifConf*>(conf)->on || l.has_content) return;
  l.has_content = true;
  l.step(Phase::content, send_gif, conf);
}

const Row kTable[] = {
    {"empty_gif", kLocation, 0, 0, Block::none, Inherit::none, bind_gif, "",
     "answers with a transparent GIF of one pixel"},
};

}  // namespace

const Module kEmptyGifModule{"empty_gif", sizeof(GifConf), module_create<GifConf>, kTable, nullptr, compile_gif};

}  // namespace weir::nginx
