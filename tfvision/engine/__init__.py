"""What every application shares: its contract, training that resumes, export that is proven."""

from tfvision.engine.app import App, RunConfig, Signature, build
from tfvision.engine.checkpoint import restore, save
from tfvision.engine.export import export
from tfvision.engine.fit import fit

__all__ = ["App", "RunConfig", "Signature", "build", "export", "fit", "restore", "save"]
