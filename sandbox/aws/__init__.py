"""AWS's side of the estate: moto's server, extended with what it lacks, over one state.

Lives here: moto's settings, which it reads when it is imported. How the parts are put together stands in `service`; the hosts' side is
handed in as functions, so that neither side imports the other.
"""

from __future__ import annotations

import os

os.environ.update(
    {
        "MOTO_DISABLE_GLOBAL_CORS": "true",
        "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "eu-west-3",
    }
)
