#pragma once
// Servers that come and go while a configuration is served, in the words of the product whose backends they are for
// (`add server`, `del server`). Called on the control thread.
#include <span>
#include <string>

#include "model/model.h"

namespace weir::control {

class ServerMaker {
 public:
  virtual ~ServerMaker() = default;

  // Of which characters such a server's name may be.
  static bool fits_name(char c) {
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || Str("_-.:").find(c) != Str::npos;
  }

  // Why servers cannot be added there; empty: they can.
  virtual std::string refusal(const model::Pool& pool) const = 0;
  struct Made {
    const model::Server* server = nullptr;  // in the model, in maintenance; null: `text` says why not
    std::string text;  // lines
  };
  // `words`: what stands behind the server's name.
  virtual Made make(const model::Pool& pool, Str name, std::span<const std::string> words) = 0;
  // Takes it out of the model, for good.
  virtual void remove(const model::Server& server) = 0;
  // Whether the configuration names it, so that it has to stay.
  virtual bool needed(const model::Server& server) const = 0;
  // Gives a server in maintenance, that is not needed, another name: it is a new object from here on.
  virtual const model::Server& rename(const model::Server& server, Str name) = 0;
  // The words that a server which is added may have, one a line.
  virtual std::string words() const = 0;
  // Sets of options that such servers may start from; null: of all pools.
  virtual std::string defaults(const model::Pool* only) const = 0;
};

}  // namespace weir::control
