"""Origins behind TLS."""

import pytest

from rig.proxy import faces

pytestmark = faces("tls_origin", only=("nginx", "haproxy"))




