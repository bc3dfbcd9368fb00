"""Imports every feature's models, so that one metadata describes the whole schema."""

import ostiary.applications.models
import ostiary.blueprints.models
import ostiary.brands.models
import ostiary.directory.models
import ostiary.events.models
import ostiary.flows.models
import ostiary.keys.models
import ostiary.mappings.models
import ostiary.outposts.models
import ostiary.policies.models
import ostiary.sessions.models
import ostiary.simulation.models
import ostiary.storage.models
import ostiary.system.models
from ostiary.storage.base import Base

metadata = Base.metadata
