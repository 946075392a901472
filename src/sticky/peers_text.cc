// What `show peers` says: the lines of HAProxy, with what there is of them.
#include <fmt/format.h>

#include "sticky/peer_link.h"
#include "sticky/peers.h"

namespace weir::sticky {
namespace {

// "5s", "1m3s".
std::string in_words(uint64_t ms) {
  const uint64_t s = ms / 1000;
  return s < 60     ? fmt::format("{}s", s)
         : s < 3600 ? fmt::format("{}m{}s", s / 60, s % 60)
                    : fmt::format("{}h{}m", s / 3600, s / 60 % 60);
}

Str status_word(const Peer& peer) {
  switch (peer.status) {
    case 0: return peer.link ? "CONN" : "NONE";
    case 200: return "ESTA";
    case 300: return "RETR";
    case 501: return "PROT";
    case 502: return "VERS";
    case 503: return "NAME";
    case 504: return "UNKN";
    default: return "STUN";
  }
}

void write_texts(std::string& out, Str title, const PeerTexts& texts) {
  out += fmt::format("\n        {} dictionary cache:", title);
  int column = 0;
  for (uint64_t i = 1; i <= PeerTexts::kMost; i++) {
    if (texts.text(i).empty()) continue;
    if (column++ % 4 == 0) out += "\n        ";
    out += fmt::format("  {:3} -> {}", i - 1, texts.text(i));
  }
}

void write_share(std::string& out, const PeerShare& s) {
  out += fmt::format(
      "\n          {} local_id={} remote_id={} flags=0x{:x} remote_data=0x{:x}"
      "\n              last_acked={} last_pushed={} last_get={} teaching_origin={} update={}"
      "\n              table:{} id={} update={} localupdate={} refcnt=1",
      static_cast<const void*>(&s), s.id, s.defined ? s.remote.id : 0, s.walking ? 1 : 0, s.defined ? s.remote.data : 0,
      s.acknowledged, s.at, s.got, s.at, s.known(), static_cast<const void*>(s.table), s.table->name,
      s.table->news->head(), s.table->news->head());
}

}  // namespace

std::string Peers::describe(bool texts) const {
  const uint64_t now = shard_->loop.now();
  std::string out = fmt::format("{}: id={} disabled=0 flags=0x{:x} resync_timeout={} task_calls=0\n",
                                static_cast<const void*>(this), conf_.name, learned_ ? 3 : 0,
                                learned_              ? std::string("<NEVER>")
                                : learn_until_ <= now ? std::string("<PAST>")
                                                      : in_words(learn_until_ - now));
  for (const auto& p : peers_) {
    const PeerConf& conf = *p->conf;
    const bool open = p->link && p->link->open();
    Arena arena;
    out += fmt::format("  {}: id={}({},{}) addr={}:{} app_state={} learn_state={} last_status={} last_hdshk={}\n",
                       static_cast<const void*>(p.get()), conf.name, conf.local ? "local" : "remote",
                       p->link ? "active" : "inactive", conf.addr.family ? conf.addr.ip_text(arena) : Str("-"),
                       conf.addr.port, open ? "RUNNING" : "STOPPED", teacher_ == p.get() ? "PROCESSING" : "NOTASSIGNED",
                       status_word(*p), p->shaken_ms ? in_words(now - p->shaken_ms) : "<NEVER>");
    out += fmt::format(
        "        reconnect={} confirm=0 tx_hbt={} rx_hbt={} no_hbt={} new_conn={} proto_err={} coll={}\n        "
        "flags=0x{:x}",
        p->link || conf.local  ? std::string("<NEVER>")
        : p->connect_at <= now ? std::string("<PAST>")
                               : in_words(p->connect_at - now),
        p->sent_heartbeats, p->got_heartbeats, p->silences, p->connections, p->mistakes, p->collisions,
        p->link && p->link->teaches() ? 1 : 0);
    if (p->link) {
      out +=
          fmt::format(" state={}\n        xprt={} src={} addr={}", open ? "EST" : "CON", p->link->ssl() ? "SSL" : "RAW",
                      p->link->incoming() ? p->link->net::Conn::peer().text() : p->link->local().text(),
                      p->link->incoming() ? p->link->local().text() : p->link->net::Conn::peer().text());
      if (const PeerShare* s = p->link->remote_share())
        out += fmt::format("\n        remote_table:{} id={} local_id={} remote_id={}", static_cast<const void*>(s),
                           s->table->name, s->id, s->remote.id);
    }
    if (!p->shares.empty()) out += "\n        shared tables:";
    for (const PeerShare& s : p->shares) write_share(out, s);
    if (p->link && texts) {
      write_texts(out, "TX", p->link->sent_texts());
      write_texts(out, "RX", p->link->received_texts());
    } else if (!texts) {
      out += "\n        Dictionary cache not dumped (use \"show peers dict\")";
    }
    out += '\n';
  }
  return out;
}

}  // namespace weir::sticky
